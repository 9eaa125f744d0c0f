//! Check an ODE solver in continuous integration: its coefficients exactly, its
//! order of convergence by running it.
//!
//! `cargo run --release --example solver_ci`; in a project of your own these
//! are tests.

use std::error::Error;

use dahlquist::exact::Rational;
use dahlquist::multistep::{Kind, LinearMultistep, analyze};

/// The solver under test: two-step Adams–Bashforth, started by the midpoint rule.
fn solve(f: impl Fn(f64, f64) -> f64, y0: f64, end: f64, steps: usize) -> f64 {
    let h = end / steps as f64;
    let half = y0 + 0.5 * h * f(0.0, y0);
    let (mut old, mut y) = (f(0.0, y0), y0 + h * f(0.5 * h, half));
    for n in 1..steps {
        let new = f(n as f64 * h, y);
        y += h * (1.5 * new - 0.5 * old);
        old = new;
    }
    y
}

fn main() -> Result<(), Box<dyn Error>> {
    let q = |n: i64, d: u64| Rational::from((n, d));
    let alpha = vec![q(0, 1), q(-1, 1), q(1, 1)];
    let beta = vec![q(-1, 2), q(3, 2), q(0, 1)];
    let exact = analyze(&LinearMultistep::new("ab2", Kind::First, alpha, beta)?)?;
    let Some(order) = exact.order else {
        return Err("the coefficients satisfy no order condition".into());
    };
    println!(
        "exactly: order {order}, error constant {}, zero-stable {}",
        exact.error_constant, exact.zero_stable
    );
    if !exact.zero_stable {
        return Err("the recurrence violates the root condition".into());
    }

    // y' = -y + sin t, y(0) = 1, in closed form.
    let truth = |t: f64| 0.5 * (t.sin() - t.cos()) + 1.5 * (-t).exp();
    let error = |steps| (solve(|t, y| t.sin() - y, 1.0, 2.0, steps) - truth(2.0)).abs();
    // Steps small enough for the leading term, large enough to stay above rounding.
    let measured: Vec<f64> = [64, 128, 256]
        .map(|n| (error(n) / error(2 * n)).log2())
        .to_vec();
    println!("measured: {measured:.3?}");
    if measured.iter().any(|m| (m - order as f64).abs() > 0.2) {
        return Err(format!("measured order {measured:?} is not {order}").into());
    }
    Ok(())
}
