//! How long a check takes: `cargo test --release --test certificate timing -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::Instant;

use dahlquist::bounds::{Method, analyze};
use dahlquist::certificate::Certificate;
use dahlquist::check::check;
use dahlquist::exact::Rational;
use dahlquist::ops::{Pointwise, Relu, Tanh};
use dahlquist::verify::Norm;

use crate::evidence::{ball, certify, label, q, shifted, tightened};
use crate::networks::residual;

#[test]
#[ignore = "prints times, decides nothing"]
fn residual_networks() {
    let members: [(&str, Arc<dyn Pointwise>); 2] =
        [("relu", Arc::new(Relu)), ("tanh", Arc::new(Tanh))];
    for (name, f) in members {
        let graph = residual(f, [64, 40, 10], 3, Rational::from((1, 3)), 1);
        for norm in [Norm::Linf, Norm::L2] {
            let region = ball(&graph, norm, q(1, 20));
            let property = shifted(&graph, label(&graph, &region), 1000);
            let start = Instant::now();
            analyze(&graph, &region, &property, Method::Crown).unwrap();
            let bounds = start.elapsed();
            let mut certificate = certify(&graph, name, &region, &property, Method::Crown);
            let cut = tightened(&certificate);
            let bytes = certificate.to_bytes().unwrap();
            let start = Instant::now();
            certificate = Certificate::from_bytes(&bytes).unwrap();
            let read = start.elapsed();
            let start = Instant::now();
            let checked = check(&certificate, Some(&graph)).unwrap();
            eprintln!(
                "{name} {norm:?}: {cut} neurons cut, bounds {bounds:?}, {} bytes read in {read:?}, check {:?}: {checked}",
                bytes.len(),
                start.elapsed()
            );
        }
    }
}
