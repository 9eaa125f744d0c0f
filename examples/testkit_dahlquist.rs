//! The test kit on this crate's own solvers: everything they claim holds.
//!
//! `cargo test --release --features testkit --example testkit_dahlquist`, or
//! `cargo run` for the summary tables and pages.

use std::process::ExitCode;

use dahlquist::ode::solve::{self, Crossing, Method, Options, Problem, Steps};
use dahlquist::testkit::{
    self, Claims, Control, Direction, Failure, Solution, Solver, Table, Task,
};

struct Own(Method);

impl Solver for Own {
    type Real = f64;

    fn claims(&self) -> Claims {
        let implicit = matches!(self.0, Method::Sdirk | Method::Bdf);
        Claims {
            implicit,
            fixed_step: true,
            adaptive: true,
            order: Some(self.0.order()),
            dense: true,
            dense_order: Some(if self.0 == Method::DormandPrince {
                4
            } else {
                3
            }),
            events: true,
            backward: true,
            vector_tolerance: true,
            returns_steps: true,
            dimension_zero: true,
            l_stable: self.0 == Method::Sdirk,
            a_stable: self.0 == Method::Sdirk,
            table: self.0.coefficients().map(|k| Table {
                a: k.a,
                b: k.b,
                c: k.c,
                embedded: Some((k.embedded, self.0.order() - 1)),
                dense: k.dense,
            }),
            ..Claims::new(
                &format!("dahlquist {:?}", self.0),
                env!("CARGO_PKG_VERSION"),
            )
        }
    }

    fn solve(&self, task: &Task<'_, f64>) -> Result<Solution<f64>, Failure> {
        let problem = Problem {
            rhs: task.rhs,
            jacobian_times: Some(task.jacobian_times),
            t0: task.t0,
            t1: task.t1,
            y0: &task.y0,
        };
        let events: Vec<solve::Event<'_>> = task
            .events
            .iter()
            .map(|e| solve::Event {
                g: e.g,
                crossing: match e.direction {
                    Direction::Rising => Crossing::Rising,
                    Direction::Falling => Crossing::Falling,
                    Direction::Both => Crossing::Both,
                },
            })
            .collect();
        let mut options = Options::new(match task.control.clone() {
            Control::Step(h) => Steps::Fixed(h),
            Control::Tolerance { relative, absolute } => Steps::Adaptive { relative, absolute },
        });
        options.output = &task.output;
        options.events = &events;
        let s = solve::integrate(&problem, self.0, &options)
            .map_err(|e| Failure::Refused(e.to_string()))?;
        Ok(Solution {
            output: task.output.iter().copied().zip(s.output).collect(),
            t: s.t,
            y: s.y,
            events: s.events,
        })
    }
}

testkit::suite!(dormand_prince, Own(Method::DormandPrince));
testkit::suite!(adams, Own(Method::Adams));
testkit::suite!(sdirk, Own(Method::Sdirk));
testkit::suite!(bdf, Own(Method::Bdf));

fn main() -> ExitCode {
    let all = Method::ALL.map(Own);
    let all: Vec<&dyn testkit::AnySolver> = all.iter().map(|s| s as _).collect();
    testkit::main(&all, &[])
}
