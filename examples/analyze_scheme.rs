//! Validate the coefficients of a multistep network: exact order, root
//! condition, and the region of a one-parameter family.
//!
//! `cargo run --release --example analyze_scheme`

use std::error::Error;

use dahlquist::exact::rational::parse_list;
use dahlquist::multistep::optimum::least_parasitic_modulus;
use dahlquist::multistep::{Kind, LinearMultistep, ParametricFamily, analyze, region};

fn main() -> Result<(), Box<dyn Error>> {
    // x_{n+1} = 1/3 x_n + 5/9 x_{n-1} + 1/9 x_{n-2} + 16/9 F(x_n), oldest first,
    // everything on the left: sum alpha_j y_{n+j} = h sum beta_j f_{n+j}.
    let alpha = parse_list("-1/9 -5/9 -1/3 1")?;
    let beta = parse_list("0 0 16/9 0")?;
    let analysis = analyze(&LinearMultistep::new("mine", Kind::First, alpha, beta)?)?;
    print!("{analysis}");
    assert!(analysis.zero_stable && analysis.order == Some(2));

    let family = ParametricFamily::from_toml(
        r#"
        name = "my family"
        parameter = "l"
        alpha = ["-(l+1)/(4*l)", "1/l", "-(3*l+3)/(4*l)", "1"]
        beta = ["0", "0", "(3*l-1)/(2*l)", "0"]
        "#,
        "family.toml".as_ref(),
    )?;
    println!("zero-stable iff {}", region(&family)?.in_words("l"));
    if let Some(best) = least_parasitic_modulus(&family) {
        println!(
            "the largest parasitic root is smallest at l = {}: {}",
            best.parameter, best.modulus
        );
    }
    Ok(())
}
