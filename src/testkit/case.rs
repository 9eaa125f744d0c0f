//! One call of a solver as data: what is shrunk, printed and reproduced.

use std::fmt::Write as _;
use std::sync::Arc;

use super::solver::{Control, Direction, Parts};
use crate::ode::System;

/// An event on one component, `g = y[component] - level`, or on time, `g = t - level`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventSpec {
    /// the component, or none for time
    pub component: Option<usize>,
    pub level: f64,
    pub direction: Direction,
}

impl EventSpec {
    pub(crate) fn g(&self, t: f64, y: &[f64]) -> f64 {
        self.component.map_or(t, |c| y[c]) - self.level
    }

    fn text(&self) -> String {
        match self.component {
            Some(c) => format!("y[{c}] - {:?}", self.level),
            None => format!("t - {:?}", self.level),
        }
    }
}

/// A right-hand side that goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    /// returns this value from time `from` on (before it, where time runs backward)
    Value {
        from: f64,
        value: f64,
    },
}

/// One initial value problem with everything a solver is asked about it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub name: String,
    pub system: Arc<System>,
    pub t0: f64,
    pub t1: f64,
    pub y0: Vec<f64>,
    pub control: Control<f64>,
    pub output: Vec<f64>,
    pub events: Vec<EventSpec>,
    pub fault: Fault,
}

impl Case {
    /// A case without output times and events.
    pub(crate) fn new(name: &str, system: Arc<System>, span: (f64, f64), y0: &[f64]) -> Case {
        Case {
            name: name.into(),
            system,
            t0: span.0,
            t1: span.1,
            y0: y0.to_vec(),
            control: Control::Step(f64::NAN),
            output: Vec::new(),
            events: Vec::new(),
            fault: Fault::None,
        }
    }

    pub(crate) fn step(mut self, h: f64) -> Case {
        self.control = Control::Step(h);
        self
    }

    pub(crate) fn tolerance(mut self, relative: f64, absolute: f64) -> Case {
        let absolute = vec![absolute; self.y0.len()];
        self.control = Control::Tolerance { relative, absolute };
        self
    }

    pub(crate) fn parts(&self) -> Parts {
        let list = |v: &[f64]| match v {
            [first, .., last] if v.len() > 8 && v.iter().all(|x| x == first) => {
                format!("vec![{last:?}; {}]", v.len())
            }
            _ => format!("vec!{}", number_list(v)),
        };
        let (step, tolerance, control) = match &self.control {
            Control::Step(h) => (Some(number(*h)), None, number(*h)),
            Control::Tolerance { relative, absolute } => {
                let first = absolute.first().copied().unwrap_or(*relative);
                let pair = (number(*relative), number(first));
                (
                    None,
                    Some(pair),
                    format!("{}, {}", number(*relative), list(absolute)),
                )
            }
        };
        Parts {
            dimension: self.y0.len(),
            t0: number(self.t0),
            t1: number(self.t1),
            y0: list(&self.y0),
            control,
            step,
            tolerance,
            output: list(&self.output),
            events: self
                .events
                .iter()
                .map(|e| (e.text(), e.direction))
                .collect(),
        }
    }

    /// The right-hand side as a Rust function.
    pub(crate) fn rust_rhs(&self) -> String {
        let mut body = self.system.to_rust();
        if let Fault::Value { from, value } = self.fault {
            let later = if self.t1 < self.t0 { "<=" } else { ">=" };
            let _ = writeln!(
                body,
                "    if t {later} {} {{ dy.fill({}); }}",
                number(from),
                number(value)
            );
        }
        format!("fn f(t: f64, y: &[f64], dy: &mut [f64]) {{\n{body}}}\n")
    }

    /// A program that shows the case, given the lines that call the solver.
    pub(crate) fn program(&self, snippet: &str) -> String {
        format!(
            "{}\nfn main() {{\n{snippet}    println!(\"t = {{t:?}}, y = {{y:?}}\");\n}}\n",
            self.rust_rhs()
        )
    }

    /// The case in a few lines.
    pub(crate) fn describe(&self) -> String {
        let p = self.parts();
        let mut text = format!(
            "{}: y' = f(t, y) on [{}, {}], y0 = {}, ",
            self.name, p.t0, p.t1, p.y0
        );
        let _ = match (&p.step, &p.tolerance) {
            (Some(h), _) => write!(text, "step {h}"),
            (_, Some((r, a))) => write!(text, "rtol {r}, atol {a}"),
            _ => Ok(()),
        };
        if !self.output.is_empty() {
            let _ = write!(text, ", output at {}", p.output);
        }
        for e in &self.events {
            let _ = write!(text, ", event {} ({:?})", e.text(), e.direction);
        }
        if let Fault::Value { from, value } = self.fault {
            let _ = write!(text, ", f = {value} from t = {from} on");
        }
        text
    }
}

/// A number as Rust text.
pub(crate) fn number(v: f64) -> String {
    if v.is_nan() {
        "f64::NAN".into()
    } else if v == f64::INFINITY {
        "f64::INFINITY".into()
    } else if v == f64::NEG_INFINITY {
        "f64::NEG_INFINITY".into()
    } else {
        format!("{v:?}")
    }
}

fn number_list(v: &[f64]) -> String {
    let items: Vec<String> = v.iter().map(|&x| number(x)).collect();
    format!("[{}]", items.join(", "))
}
