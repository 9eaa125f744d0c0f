//! Lower bounds of the constraints of VNN-LIB queries, through the library and
//! timed: one JSON line per specification.
//!
//! `cargo run --release --example query_bounds METHOD RUNS NET.onnx SPEC.vnnlib...`
//!
//! METHOD is `crown` or `alpha-crown`; `alpha-crown:N` makes N iterations,
//! `alpha-crown:N:STEP:DECAY` with other steps. The bounds, of the left sides of the
//! constraints `… <= 0`, are the same in every run; `seconds` has the time of each,
//! reading and parsing left out.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use dahlquist::bounds::{Ascent, Functional, Objective, Root};
use dahlquist::network::Network;
use dahlquist::rounding::{Boxes, Interval};
use dahlquist::verify::vnnlib;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [method, runs, net, specs @ ..] = arguments.as_slice() else {
        return Err("usage: query_bounds METHOD RUNS NET.onnx SPEC.vnnlib...".into());
    };
    let mut words = method.split(':');
    let ascent = match words.next() {
        Some("crown") => None,
        Some("alpha-crown") => {
            let mut ascent = Ascent::default();
            if let Some(iterations) = words.next() {
                ascent.iterations = iterations.parse()?;
            }
            if let Some(step) = words.next() {
                ascent.step[0] = step.parse()?;
            }
            if let Some(decay) = words.next() {
                ascent.decay = decay.parse()?;
            }
            Some(ascent)
        }
        _ => return Err(format!("{method} is neither crown nor alpha-crown").into()),
    };
    if let Some(rest) = words.next() {
        return Err(format!("{method}: {rest} is too much").into());
    }
    let runs: usize = runs.parse()?;
    let graph = Network::load(Path::new(net))?.lower()?;
    for spec in specs {
        let query = vnnlib::load(Path::new(spec))?.query;
        let mut lower = vec![Vec::new(); query.cases.len()];
        let mut seconds = Vec::new();
        for _ in 0..runs.max(1) {
            let mut total = 0.0;
            for (case, lower) in query.cases.iter().zip(&mut lower) {
                let constraints = case.violation.iter().flat_map(|c| &c.constraints);
                let rows = constraints.map(|c| Functional {
                    x: c.x.clone(),
                    y: c.y.clone(),
                    constant: c.constant.clone(),
                });
                let objective = Objective::new(rows.collect());
                let boxes = Boxes::from_shape_fn((1, case.lo.len()), |_, i| {
                    let [lo, hi] = [&case.lo[i], &case.hi[i]].map(Interval::from_rational);
                    Interval::or_entire(lo.lo(), hi.hi())
                });
                let start = Instant::now();
                let root = Root::new(&graph, boxes, objective, ascent, &|| false)?;
                total += start.elapsed().as_secs_f64();
                *lower = root.lower;
            }
            seconds.push(total);
        }
        let line = serde_json::json!({"spec": spec, "lower": lower, "seconds": seconds});
        println!("{line}");
    }
    Ok(())
}
