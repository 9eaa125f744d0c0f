//! The problems: equations as data, so that each has a certified reference.

use std::sync::Arc;

use super::case::Case;
use super::store;
use crate::ode::taylor::{self, Enclosure};
use crate::ode::{System, SystemBuilder};

/// One initial value problem with its reference and its conditioning.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub name: &'static str,
    pub system: Arc<System>,
    pub span: (f64, f64),
    pub y0: Vec<f64>,
    /// explicit methods need very many steps
    pub stiff: bool,
    /// an easier equation with the same solution: system, start, how many leading
    /// components of it are the solution
    pub twin: Option<(Arc<System>, Vec<f64>)>,
    /// how much a perturbation can grow, where it is known; else it is measured
    pub amplification: Option<f64>,
}

impl Problem {
    fn new(name: &'static str, system: System, span: (f64, f64), y0: &[f64]) -> Problem {
        Problem {
            name,
            system: Arc::new(system),
            span,
            y0: y0.to_vec(),
            stiff: false,
            twin: None,
            amplification: None,
        }
    }

    pub(crate) fn case(&self) -> Case {
        Case::new(self.name, self.system.clone(), self.span, &self.y0)
    }

    /// Boxes around the solution at `times`; none where the enclosure fails.
    pub(crate) fn reference(&self, times: &[f64]) -> Option<Vec<Enclosure>> {
        let bits: Vec<u64> = times.iter().map(|t| t.to_bits()).collect();
        let key = format!("boxes {bits:?} {}", self.key());
        let boxes = store::remembered(&key, || {
            let found = self.enclose(times)?;
            Some(found.into_iter().map(|e| (e.lo, e.hi)).collect::<Vec<_>>())
        })?;
        Some(
            boxes
                .into_iter()
                .map(|(lo, hi)| Enclosure { lo, hi })
                .collect(),
        )
    }

    /// All that its solution depends on.
    fn key(&self) -> String {
        format!(
            "{:?} {:?} {:?} {:?}",
            self.span, self.y0, self.system, self.twin
        )
    }

    fn enclose(&self, times: &[f64]) -> Option<Vec<Enclosure>> {
        let (system, start) = match &self.twin {
            Some((s, y)) => (s, y),
            None => (&self.system, &self.y0),
        };
        let mut found = taylor::enclose(system, self.span.0, start, times).ok()?;
        for e in &mut found {
            e.lo.truncate(self.y0.len());
            e.hi.truncate(self.y0.len());
        }
        Some(found)
    }

    /// How much a perturbation anywhere on the way can grow: known, or measured by
    /// following perturbed solutions (an estimate, used only as a factor of slack).
    pub(crate) fn growth(&self) -> f64 {
        self.amplification.unwrap_or_else(|| {
            store::remembered(&format!("growth {}", self.key()), || {
                amplification(&self.system, self.span, &self.y0)
            })
        })
    }
}

/// Largest growth of a perturbation between any two times of the interval, by RK4.
pub(crate) fn amplification(system: &System, span: (f64, f64), y0: &[f64]) -> f64 {
    const STEPS: usize = 2048;
    let n = y0.len();
    if n == 0 || n > 16 {
        return 1.0;
    }
    let h = (span.1 - span.0) / STEPS as f64;
    let time = |k: usize| span.0 + h * k as f64;
    let mut path = vec![y0.to_vec()];
    for k in 0..STEPS {
        let next = rk4(system, time(k), &path[k], h);
        path.push(next);
    }
    let mut worst = 1.0f64;
    for start in (0..STEPS).step_by(STEPS / 8) {
        for i in 0..n {
            let delta = 1e-6 * path[start][i].abs().max(1e-3);
            let mut y = path[start].clone();
            y[i] += delta;
            for k in start..STEPS {
                y = rk4(system, time(k), &y, h);
                let off = y.iter().zip(&path[k + 1]).map(|(a, b)| (a - b).abs());
                worst = worst.max(off.fold(0.0, f64::max) / delta);
            }
        }
    }
    worst
}

fn rk4(system: &System, t: f64, y: &[f64], h: f64) -> Vec<f64> {
    let f = |t: f64, y: &[f64]| {
        let mut d = vec![0.0; y.len()];
        system.eval(t, y, &mut d);
        d
    };
    let add = |y: &[f64], c: f64, k: &[f64]| -> Vec<f64> {
        y.iter().zip(k).map(|(a, b)| a + c * b).collect()
    };
    let a = f(t, y);
    let b = f(t + h / 2.0, &add(y, h / 2.0, &a));
    let c = f(t + h / 2.0, &add(y, h / 2.0, &b));
    let d = f(t + h, &add(y, h, &c));
    (0..y.len())
        .map(|i| y[i] + h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]))
        .collect()
}

/// `y' = A y` with the rows of `A`.
pub(crate) fn linear_system(a: &[Vec<f64>]) -> System {
    let mut s = SystemBuilder::new(a.len());
    let y: Vec<_> = (0..a.len()).map(|i| s.state(i)).collect();
    let rows: Vec<_> = a
        .iter()
        .map(|row| {
            let terms: Vec<_> = row.iter().zip(&y).map(|(&c, &v)| (c, v)).collect();
            let terms: Vec<_> = terms.into_iter().filter(|(c, _)| *c != 0.0).collect();
            s.sum(&terms)
        })
        .collect();
    s.finish(&rows)
}

/// `y' = c`.
pub(crate) fn constant(value: f64) -> System {
    let mut s = SystemBuilder::new(1);
    let c = s.constant(value);
    s.finish(&[c])
}

/// `x'' = -x`.
pub(crate) fn oscillator() -> System {
    linear_system(&[vec![0.0, 1.0], vec![-1.0, 0.0]])
}

/// `y' = y²`, which leaves every bound at `t0 + 1/y0`.
pub(crate) fn square() -> System {
    let mut s = SystemBuilder::new(1);
    let y = s.state(0);
    let yy = s.product(y, y);
    s.finish(&[yy])
}

/// Independent equal decays, `y_i' = -y_i`.
pub(crate) fn decays(n: usize) -> System {
    let mut s = SystemBuilder::new(n);
    let rates: Vec<_> = (0..n)
        .map(|i| {
            let y = s.state(i);
            s.sum(&[(-1.0, y)])
        })
        .collect();
    s.finish(&rates)
}

fn logistic() -> System {
    let mut s = SystemBuilder::new(1);
    let y = s.state(0);
    let yy = s.product(y, y);
    let d = s.sum(&[(2.0, y), (-2.0, yy)]);
    s.finish(&[d])
}

fn lotka_volterra() -> System {
    let mut s = SystemBuilder::new(2);
    let (x, y) = (s.state(0), s.state(1));
    let xy = s.product(x, y);
    let dx = s.sum(&[(1.5, x), (-1.0, xy)]);
    let dy = s.sum(&[(1.0, xy), (-3.0, y)]);
    s.finish(&[dx, dy])
}

/// `x'' = μ (1 - x²) x' - x`.
pub(crate) fn van_der_pol(mu: f64) -> System {
    let mut s = SystemBuilder::new(2);
    let (x, v) = (s.state(0), s.state(1));
    let xx = s.product(x, x);
    let xxv = s.product(xx, v);
    let dv = s.sum(&[(mu, v), (-mu, xxv), (-1.0, x)]);
    s.finish(&[v, dv])
}

/// The two-body problem in the plane, unit masses.
pub(crate) fn kepler() -> System {
    let mut s = SystemBuilder::new(4);
    let (x, y, u, v) = (s.state(0), s.state(1), s.state(2), s.state(3));
    let (xx, yy) = (s.product(x, x), s.product(y, y));
    let rr = s.sum(&[(1.0, xx), (1.0, yy)]);
    let w = s.power(rr, -1.5);
    let (ax, ay) = (s.product(x, w), s.product(y, w));
    let (ax, ay) = (s.sum(&[(-1.0, ax)]), s.sum(&[(-1.0, ay)]));
    s.finish(&[u, v, ax, ay])
}

fn lorenz() -> System {
    let mut s = SystemBuilder::new(3);
    let (x, y, z) = (s.state(0), s.state(1), s.state(2));
    let (xz, xy) = (s.product(x, z), s.product(x, y));
    let dx = s.sum(&[(10.0, y), (-10.0, x)]);
    let dy = s.sum(&[(28.0, x), (-1.0, y), (-1.0, xz)]);
    let dz = s.sum(&[(1.0, xy), (-2.5, z)]);
    s.finish(&[dx, dy, dz])
}

/// Robertson's chemical kinetics.
pub(crate) fn robertson() -> System {
    let mut s = SystemBuilder::new(3);
    let (a, b, c) = (s.state(0), s.state(1), s.state(2));
    let (bc, bb) = (s.product(b, c), s.product(b, b));
    let da = s.sum(&[(-0.04, a), (1e4, bc)]);
    let dc = s.sum(&[(3e7, bb)]);
    let db = s.sum(&[(0.04, a), (-1e4, bc), (-3e7, bb)]);
    s.finish(&[da, db, dc])
}

/// A chain of reactions `a → b → c`: the sum of the components stays.
pub(crate) fn chain() -> System {
    linear_system(&[
        vec![-1.0, 0.5, 0.0],
        vec![1.0, -1.5, 0.25],
        vec![0.0, 1.0, -0.25],
    ])
}

/// `y' = -2 t y + cos(3 t)`.
fn non_autonomous() -> System {
    let mut s = SystemBuilder::new(1);
    let (t, y) = (s.time(), s.state(0));
    let ty = s.product(t, y);
    let angle = s.sum(&[(3.0, t)]);
    let forcing = s.cos(angle);
    let d = s.sum(&[(-2.0, ty), (1.0, forcing)]);
    s.finish(&[d])
}

/// `y' = -y + 1` before `at`, `y' = -y - 1` from there on.
pub(crate) fn jump(at: f64) -> System {
    let mut s = SystemBuilder::new(1);
    let (y, up, down) = (s.state(0), s.constant(1.0), s.constant(-1.0));
    let forcing = s.switch(at, up, down);
    let d = s.sum(&[(-1.0, y), (1.0, forcing)]);
    s.finish(&[d])
}

/// Prothero and Robinson: `y' = λ (y - cos t) - sin t` with the solution `cos t`,
/// whatever `λ`.
pub(crate) fn prothero_robinson(lambda: f64) -> Problem {
    let mut s = SystemBuilder::new(1);
    let (t, y) = (s.time(), s.state(0));
    let (sine, cosine) = (s.sin(t), s.cos(t));
    let d = s.sum(&[(lambda, y), (-lambda, cosine), (-1.0, sine)]);
    let mut p = Problem::new("Prothero-Robinson", s.finish(&[d]), (0.0, 2.0), &[1.0]);
    p.stiff = true;
    p.twin = Some((Arc::new(oscillator()), vec![1.0, 0.0]));
    p.amplification = Some(1.0);
    p
}

/// Smooth problems that an explicit solver can do.
pub(crate) fn smooth() -> Vec<Problem> {
    vec![
        Problem::new("decay", linear_system(&[vec![-1.0]]), (0.0, 4.0), &[1.0]),
        Problem::new("growth", linear_system(&[vec![1.0]]), (0.0, 2.0), &[1.0]),
        Problem::new("oscillator", oscillator(), (0.0, 6.0), &[1.0, 0.0]),
        Problem::new("logistic", logistic(), (0.0, 3.0), &[0.125]),
        Problem::new("Lotka-Volterra", lotka_volterra(), (0.0, 3.0), &[2.0, 1.0]),
        Problem::new(
            "Kepler, eccentricity 0.25",
            kepler(),
            (0.0, 3.0),
            &[0.75, 0.0, 0.0, 1.25],
        ),
        Problem::new(
            "van der Pol, mu 1",
            van_der_pol(1.0),
            (0.0, 3.0),
            &[2.0, 0.0],
        ),
        Problem::new(
            "van der Pol, mu 5",
            van_der_pol(5.0),
            (0.0, 1.0),
            &[2.0, 0.0],
        ),
        Problem::new("Lorenz, short", lorenz(), (0.0, 0.5), &[1.0, 1.0, 1.0]),
        Problem::new("kinetic chain", chain(), (0.0, 4.0), &[1.0, 0.0, 0.0]),
        Problem::new("non-autonomous", non_autonomous(), (-1.0, 2.0), &[0.5]),
    ]
}

/// The same for solvers of `q' = f(p)`, `p' = g(q)` only.
pub(crate) fn second_order() -> Vec<Problem> {
    let mut found = smooth();
    found.retain(|p| separable(&p.system));
    let mut s = SystemBuilder::new(2);
    let (q, p) = (s.state(0), s.state(1));
    let sine = s.sin(q);
    let force = s.sum(&[(-1.0, sine)]);
    let pendulum = s.finish(&[p, force]);
    found.push(Problem::new("pendulum", pendulum, (0.0, 4.0), &[1.0, 0.0]));
    found
}

/// Whether the first half of the derivative does not depend on the first half of the
/// state, nor the second on the second (by the Jacobian at a few points).
pub(crate) fn separable(system: &System) -> bool {
    let n = system.dimension();
    let mut jacobian = vec![0.0; n * n];
    n > 0
        && n.is_multiple_of(2)
        && (0..4).all(|k| {
            let y: Vec<f64> = (0..n).map(|i| 0.7 + 0.3 * ((k * n + i) as f64)).collect();
            system.jacobian(0.25, &y, &mut jacobian);
            let same_half =
                |(i, v): (usize, &f64)| ((i / n < n / 2) == (i % n < n / 2)).then_some(*v);
            jacobian
                .iter()
                .enumerate()
                .filter_map(same_half)
                .all(|v| v == 0.0)
        })
}

/// Problems for solvers that claim to be implicit.
pub(crate) fn stiff() -> Vec<Problem> {
    let mut found = vec![
        prothero_robinson(-1e3),
        prothero_robinson(-1e6),
        Problem::new(
            "van der Pol, mu 100",
            van_der_pol(100.0),
            (0.0, 0.0625),
            &[2.0, 0.0],
        ),
        Problem::new("Robertson", robertson(), (0.0, 0.015625), &[1.0, 0.0, 0.0]),
    ];
    for p in &mut found {
        p.stiff = true;
        p.amplification = Some(p.amplification.unwrap_or(2.0));
    }
    found
}

/// A linear problem from small integers.
pub(crate) fn linear(a: &[Vec<f64>], span: (f64, f64), y0: &[f64]) -> Problem {
    Problem::new("linear", linear_system(a), span, y0)
}

/// Any system as a problem.
pub(crate) fn other(name: &'static str, system: System, span: (f64, f64), y0: &[f64]) -> Problem {
    Problem::new(name, system, span, y0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_narrow_reference() {
        for p in smooth().into_iter().chain(stiff()) {
            let start = std::time::Instant::now();
            let e = p
                .reference(&[p.span.1])
                .unwrap_or_else(|| panic!("{}", p.name));
            for i in 0..p.y0.len() {
                let size = e[0].hi[i].abs().max(1.0);
                assert!(
                    e[0].hi[i] - e[0].lo[i] <= 2.0 * f64::EPSILON * size,
                    "{}",
                    p.name
                );
            }
            let growth = p.growth();
            assert!((1.0..1e4).contains(&growth), "{} {growth}", p.name);
            eprintln!("{} {growth} {:?}", p.name, start.elapsed());
        }
    }
}
