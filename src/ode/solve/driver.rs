//! Step control, end times, output and events, the same for every method.

use super::{
    Attempt, Crossing, Error, Event, Method, Options, Problem, Stepper, Steps, Trajectory, Trouble,
    adams, bdf, explicit, sdirk,
};

/// Solves the problem.
///
/// # Errors
///
/// [`Error`]: senseless arguments, a state or right-hand side that stops being
/// finite, a step that becomes too small, too many steps.
pub fn integrate(
    problem: &Problem<'_>,
    method: Method,
    options: &Options<'_>,
) -> Result<Trajectory, Error> {
    validate(problem, options)?;
    let mut stepper: Box<dyn Stepper + '_> = match method {
        Method::DormandPrince => Box::new(explicit::DormandPrince::new(problem.rhs)),
        Method::Adams => Box::new(adams::Adams::new(problem.rhs)),
        Method::Sdirk => Box::new(sdirk::Sdirk::new(problem)),
        Method::Bdf => Box::new(bdf::Bdf::new(problem)),
    };
    Run {
        problem,
        options,
        out: Trajectory {
            t: vec![problem.t0],
            y: vec![problem.y0.to_vec()],
            output: Vec::with_capacity(options.output.len()),
            events: Vec::new(),
        },
        sense: if problem.t1 < problem.t0 { -1.0 } else { 1.0 },
        values: options
            .events
            .iter()
            .map(|e| (e.g)(problem.t0, problem.y0))
            .collect(),
    }
    .go(stepper.as_mut())
}

fn validate(problem: &Problem<'_>, options: &Options<'_>) -> Result<(), Error> {
    let finite = |what, value: f64| match value.is_finite() {
        true => Ok(()),
        false => Err(Error::Argument {
            what,
            value,
            expected: "a finite number",
        }),
    };
    finite("t0", problem.t0)?;
    finite("t1", problem.t1)?;
    finite("t1 - t0", problem.t1 - problem.t0)?;
    for &v in problem.y0 {
        finite("an initial value", v)?;
    }
    let tolerance = |what, value: f64| match value >= 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err(Error::Argument {
            what,
            value,
            expected: "a finite number, zero or more",
        }),
    };
    match &options.steps {
        Steps::Fixed(h) if !(*h > 0.0 && h.is_finite()) => {
            return Err(Error::Argument {
                what: "the step",
                value: *h,
                expected: "a finite positive number",
            });
        }
        Steps::Fixed(_) => {}
        Steps::Adaptive { relative, absolute } => {
            tolerance("the relative tolerance", *relative)?;
            if absolute.len() != problem.y0.len() {
                return Err(Error::Length {
                    what: "the list of absolute tolerances",
                    found: absolute.len(),
                    expected: problem.y0.len(),
                });
            }
            for &a in absolute {
                tolerance("an absolute tolerance", a)?;
                if a == 0.0 && *relative == 0.0 {
                    return Err(Error::Argument {
                        what: "an absolute tolerance beside a relative one of 0",
                        value: 0.0,
                        expected: "a positive number",
                    });
                }
            }
        }
    }
    let sense = if problem.t1 < problem.t0 { -1.0 } else { 1.0 };
    let mut last = problem.t0;
    for &t in options.output {
        if !(sense * (t - last) >= 0.0 && sense * (problem.t1 - t) >= 0.0) {
            return Err(Error::Argument {
                what: "an output time",
                value: t,
                expected: "times in the interval, in the direction of integration",
            });
        }
        last = t;
    }
    Ok(())
}

struct Run<'a> {
    problem: &'a Problem<'a>,
    options: &'a Options<'a>,
    out: Trajectory,
    sense: f64,
    /// event functions at the last accepted state
    values: Vec<f64>,
}

impl Run<'_> {
    fn go(mut self, stepper: &mut dyn Stepper) -> Result<Trajectory, Error> {
        let (mut t, mut y) = (self.problem.t0, self.problem.y0.to_vec());
        let t1 = self.problem.t1;
        self.outputs_at_start();
        let mut h = match &self.options.steps {
            Steps::Fixed(h) => self.sense * h,
            Steps::Adaptive { relative, absolute } => {
                self.first_step(*relative, absolute, stepper.error_order())?
            }
        };
        let fixed = matches!(self.options.steps, Steps::Fixed(_));
        let (mut steps, mut whole) = (0usize, 0u32);
        let mut after_rejection = false;
        while t != t1 {
            steps += 1;
            if steps > self.options.max_steps {
                return Err(Error::TooManySteps {
                    t,
                    steps: steps - 1,
                });
            }
            // The next time; fixed steps count from the start, so they do not drift.
            let next = if fixed {
                self.problem.t0 + f64::from(whole + 1) * h
            } else {
                t + h
            };
            // Within a small part of a step of the end, go there.
            let last = self.sense * (t1 - next) <= 1e-9 * h.abs();
            let next = if last { t1 } else { next };
            if !last && (next - t).abs() <= 4.0 * f64::EPSILON * t.abs() || next == t {
                return Err(Error::StepTooSmall { t, h });
            }
            let size = next - t;
            let attempt = stepper.attempt(t, &y, size);
            let finite = |a: &Attempt| a.y.iter().chain(&a.error).all(|v| v.is_finite());
            let attempt = match attempt {
                Ok(a) if finite(&a) => a,
                Ok(_) | Err(Trouble::NotFinite) if fixed => return Err(Error::NotFinite { t }),
                Err(Trouble::Newton) if fixed => return Err(Error::Newton { t }),
                _ => {
                    h = size * 0.25;
                    after_rejection = true;
                    continue;
                }
            };
            let error = self.error_norm(&y, &attempt);
            if error > 1.0 {
                let factor = 0.9 * error.powf(-1.0 / f64::from(stepper.error_order()));
                h = size * factor.clamp(0.1, 0.9);
                after_rejection = true;
                continue;
            }
            self.events(t, size, &attempt, next);
            self.outputs(t, size, &attempt, next);
            stepper.accept(next, &attempt.y);
            (t, y) = (next, attempt.y);
            whole += 1;
            self.out.t.push(t);
            self.out.y.push(y.clone());
            if !fixed {
                let most = if after_rejection {
                    1.0
                } else {
                    stepper.max_growth()
                };
                let factor = 0.9
                    * error
                        .max(1e-10)
                        .powf(-1.0 / f64::from(stepper.error_order()));
                // The last step may be short; its size says nothing about the next.
                h = size * factor.clamp(0.2, most);
                after_rejection = false;
            }
        }
        Ok(self.out)
    }

    /// Root mean square of the error against the tolerance; 0 for fixed steps.
    fn error_norm(&self, y: &[f64], attempt: &Attempt) -> f64 {
        let Steps::Adaptive { relative, absolute } = &self.options.steps else {
            return 0.0;
        };
        let n = y.len();
        if n == 0 {
            return 0.0;
        }
        let sum: f64 = (0..n)
            .map(|i| {
                let scale = absolute[i] + relative * y[i].abs().max(attempt.y[i].abs());
                // 0/0: no error where none is allowed.
                let e = attempt.error[i];
                if e == 0.0 {
                    0.0
                } else {
                    (e / scale) * (e / scale)
                }
            })
            .sum();
        (sum / n as f64).sqrt()
    }

    /// A first step after Hairer, Nørsett and Wanner I, II.4: small against the scales
    /// of the slope and of its change.
    fn first_step(&self, relative: f64, absolute: &[f64], order: u32) -> Result<f64, Error> {
        let (t0, y0) = (self.problem.t0, self.problem.y0);
        let length = self.problem.t1 - t0;
        let not_finite = |_| Error::NotFinite { t: t0 };
        let f0 = super::eval(self.problem.rhs, t0, y0).map_err(not_finite)?;
        let norm = |v: &[f64]| {
            let sum: f64 = (0..v.len())
                .map(|i| {
                    let scale = absolute[i] + relative * y0[i].abs();
                    if v[i] == 0.0 {
                        0.0
                    } else {
                        (v[i] / scale) * (v[i] / scale)
                    }
                })
                .sum();
            (sum / v.len().max(1) as f64).sqrt()
        };
        let (d0, d1) = (norm(y0), norm(&f0));
        let small = 1e-3 * length.abs();
        let guess = if d1 > 1e-10 && d0 > 1e-10 {
            0.01 * d0 / d1
        } else {
            small
        };
        let h0 = self.sense * guess.min(small.max(f64::MIN_POSITIVE));
        let y1 = super::combine(y0, &[(h0, &f0)]);
        let Ok(f1) = super::eval(self.problem.rhs, t0 + h0, &y1) else {
            return Ok(h0);
        };
        let change: Vec<f64> = f1.iter().zip(&f0).map(|(a, b)| a - b).collect();
        let d2 = norm(&change) / h0.abs();
        let steepest = d1.max(d2);
        let h1 = if steepest <= 1e-15 {
            length.abs()
        } else {
            (0.01 / steepest).powf(1.0 / f64::from(order))
        };
        let h = h1.min(100.0 * h0.abs()).min(length.abs());
        // A field that vanishes here gives no scale: begin small.
        let h = if d1 <= 1e-15 { h.min(small) } else { h };
        Ok(self.sense * if h > 0.0 { h } else { small })
    }

    fn outputs_at_start(&mut self) {
        let answered = self.options.output.iter();
        let here = answered.take_while(|&&t| t == self.problem.t0).count();
        for _ in 0..here {
            self.out.output.push(self.problem.y0.to_vec());
        }
    }

    fn outputs(&mut self, t: f64, h: f64, attempt: &Attempt, next: f64) {
        while let Some(&at) = self.options.output.get(self.out.output.len()) {
            if self.sense * (at - next) > 0.0 {
                break;
            }
            self.out.output.push(state(attempt, t, h, next, at));
        }
    }

    /// Looks for changes of sign over four parts of the step, so that two crossings
    /// in one step are seen if they are not in the same part.
    fn events(&mut self, t: f64, h: f64, attempt: &Attempt, next: f64) {
        const PARTS: usize = 4;
        let mut found: Vec<(usize, f64)> = Vec::new();
        for (k, event) in self.options.events.iter().enumerate() {
            let (mut from, mut before) = (t, self.values[k]);
            for part in 1..=PARTS {
                let to = if part == PARTS {
                    next
                } else {
                    t + h * (part as f64 / PARTS as f64)
                };
                let after = (event.g)(to, &state(attempt, t, h, next, to));
                if crosses(event, before, after) {
                    let at = |s: f64| (event.g)(s, &state(attempt, t, h, next, s));
                    found.push((k, locate(at, from, to, before)));
                }
                // A zero is counted when it is reached, not again when it is left.
                (from, before) = (to, after);
            }
            self.values[k] = before;
        }
        found.sort_by(|a, b| (self.sense * a.1).total_cmp(&(self.sense * b.1)));
        self.out.events.append(&mut found);
    }
}

fn crosses(event: &Event<'_>, before: f64, after: f64) -> bool {
    let rising = before < 0.0 && after >= 0.0;
    let falling = before > 0.0 && after <= 0.0;
    match event.crossing {
        Crossing::Rising => rising,
        Crossing::Falling => falling,
        Crossing::Both => rising || falling,
    }
}

/// Bisection down to neighbouring numbers.
fn locate(g: impl Fn(f64) -> f64, mut a: f64, mut b: f64, before: f64) -> f64 {
    loop {
        let middle = a + 0.5 * (b - a);
        if middle == a || middle == b {
            return b;
        }
        let value = g(middle);
        if value == 0.0 {
            return middle;
        }
        if (value < 0.0) == (before < 0.0) {
            a = middle;
        } else {
            b = middle;
        }
    }
}

/// The state inside or at the ends of a step.
fn state(attempt: &Attempt, t: f64, h: f64, next: f64, at: f64) -> Vec<f64> {
    if at == next {
        return attempt.y.clone();
    }
    let theta = (at - t) / h;
    let mut out = vec![0.0; attempt.y.len()];
    for coefficient in attempt.dense.iter().rev() {
        for (o, c) in out.iter_mut().zip(coefficient) {
            *o = *o * theta + c;
        }
    }
    out
}
