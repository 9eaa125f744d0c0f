//! Certify a model trained elsewhere: read ONNX, prove a radius around one
//! input, write the certificate, check it in exact arithmetic.
//!
//! `cargo run --release --example certify_model [MODEL.onnx]`; without a model,
//! an untrained residual network is written and read back.

use std::error::Error;
use std::path::PathBuf;

use dahlquist::bounds::Method;
use dahlquist::certificate::write::{LayerBounds, ModelFile, robustness};
use dahlquist::certificate::{Certificate, schema};
use dahlquist::check::{check, network_file};
use dahlquist::graph::eval_f64;
use dahlquist::network::{Network, build};
use dahlquist::ops::Shape;
use dahlquist::search::certify::argmax;
use dahlquist::search::{RadiusSearch, certified_radius};
use dahlquist::verify::{Norm, Property, Region};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = match std::env::args().nth(1) {
        Some(path) => PathBuf::from(path),
        None => {
            let path = folder.path().join("model.onnx");
            let shape = Shape::new(&[64]);
            build::build(&build::Architecture::default(), &shape, 10, 1)?.save(&path)?;
            path
        }
    };
    let graph = Network::load(&path)?.lower()?;

    // One input; yours comes from your data. Pixels lie in [0, 1].
    let n = graph.input_shape(0).len();
    let x: Vec<f32> = (0..n).map(|i| (i % 5) as f32 / 4.0).collect();
    let wide: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
    let label = argmax(&eval_f64(&graph, &wide));

    let region = Region::unit(x, Norm::Linf, 0.into())?;
    let property = Property::robust(label, graph.output_shape().len())?;
    let found = certified_radius(&graph, &region, &property, RadiusSearch::new(Method::Crown))?;
    let Some((radius, outcome)) = found.proved else {
        println!("class {label}: not even the point itself is proved (a tie?)");
        return Ok(());
    };
    let radius = radius.into_inner();
    println!(
        "class {label} is proved within L∞ radius {}",
        radius.to_f64()
    );

    let bytes = std::fs::read(&path)?;
    let lower: Vec<f64> = outcome.lower.iter().map(|p| *p.get()).collect();
    let layers: Vec<LayerBounds<'_>> = outcome
        .evidence
        .iter()
        .map(|l| LayerBounds {
            node: l.node.index(),
            lo: &l.lo,
            hi: &l.hi,
            lower_slope: &l.lower_slope,
            upper_slope: &l.upper_slope,
            tightened: &l.tightened,
        })
        .collect();
    let certificate = robustness(
        &graph,
        ModelFile {
            path: "model.onnx",
            bytes: &bytes,
        },
        schema::Region::from(&region.with_eps(radius)?),
        schema::Property::Robust(schema::Robust {
            label: label as u64,
        }),
        &lower,
        &layers,
    )?;
    let file = folder.path().join("certificate.json");
    certificate.write(&file)?;

    // What someone else does, who trusts only the checker.
    let read = Certificate::read(&file)?;
    network_file(&read, &bytes)?;
    println!("the checker: {}", check(&read, Some(&graph))?);
    Ok(())
}
