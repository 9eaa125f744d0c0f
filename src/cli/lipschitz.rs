//! `lipschitz MODEL --norm l1|l2|linf [--box FILE | --around DATA --eps E] [--method NAME]`

use std::path::PathBuf;

use super::common::{Model, epsilon, load_data, norm, print};
use super::{Error, Global};
use crate::exact::Rational;
use crate::lipschitz::{Domain, Method, Witness, analyze};
use crate::report::number::{Toward, fixed};
use crate::search::certify;
use crate::verify::{Norm, Region};

/// Arguments of `lipschitz`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model
    model: PathBuf,
    /// Norm of input and output: l1, l2 or linf
    #[arg(long, value_parser = norm)]
    norm: Norm,
    /// A box: one line `lo,hi` per input element
    #[arg(long = "box", value_name = "FILE.csv", conflicts_with = "around")]
    within: Option<PathBuf>,
    /// The balls of radius --eps around these samples, one result each
    #[arg(long, value_name = "DATA", requires = "eps")]
    around: Option<String>,
    /// Radius of the balls, a decimal or p/q
    #[arg(long, value_parser = epsilon, requires = "around")]
    eps: Option<Rational>,
    /// How many samples, from the first
    #[arg(long, default_value_t = 1, requires = "around")]
    count: usize,
    /// How upper bounds are made
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Method::ALL.map(Method::name)), default_value = "auto")]
    method: String,
}

pub fn run(args: &Args, global: &Global) -> Result<(), Error> {
    let model = Model::load(&args.model)?;
    let method: Method = args.method.parse()?;
    let mut domains = Vec::new();
    if let Some(path) = &args.within {
        domains.push((None, read_box(path)?));
    } else if let (Some(spec), Some(eps)) = (&args.around, &args.eps) {
        let data = load_data(spec, &model)?;
        for index in 0..args.count.min(data.samples.count()) {
            let region = Region::unit(data.samples.sample(index).to_vec(), args.norm, eps.clone())
                .map_err(|source| certify::Error::Region { index, source })?;
            domains.push((Some(index), Domain::around(&region)));
        }
    } else {
        domains.push((None, Domain::Everywhere));
    }
    for (index, domain) in &domains {
        let report = analyze(&model.network, args.norm, domain, method)?;
        if global.json {
            let mut row = serde_json::to_value(&report).expect("plain data");
            if let (Some(index), Some(row)) = (index, row.as_object_mut()) {
                row.insert("index".into(), (*index).into());
            }
            print(&row.to_string())?;
            continue;
        }
        if let Some(index) = index {
            print(&format!("sample {index}"))?;
        }
        print(&format!(
            "{}, {}: between {} (witness) and {} (proved, {}, {})",
            args.norm.name(),
            report.domain,
            lower(report.lower.as_ref()),
            upper(*report.upper.value.get()),
            report.upper.semantics,
            report.upper.method
        ))?;
        for block in &report.blocks {
            print(&format!(
                "  {} ({}, {} steps): between {} and {} ({}); its flow at most {} ({})",
                block.name,
                block.scheme,
                block.steps,
                lower(block.lower.as_ref()),
                upper(*block.discrete.value.get()),
                block.discrete.method,
                upper(*block.flow.value.get()),
                block.flow.method
            ))?;
        }
    }
    Ok(())
}

/// A lower bound in print; without a witness it is 0.
fn lower(witness: Option<&Witness>) -> String {
    fixed(witness.map_or(0.0, |w| w.value), 6, Toward::Down)
}

/// An upper bound in print.
fn upper(value: f64) -> String {
    fixed(value, 6, Toward::Up)
}

/// Reads `lo,hi` lines; decimals are enclosed outward.
fn read_box(path: &std::path::Path) -> Result<Domain, Error> {
    const LIMIT: u64 = 1 << 28;
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    let bad = |problem: String| Error::Option {
        option: "--box",
        problem: format!("{}: {problem}", path.display()),
    };
    if std::fs::metadata(path).map_err(io)?.len() > LIMIT {
        return Err(bad(format!("larger than {LIMIT} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    let (mut lo, mut hi) = (Vec::new(), Vec::new());
    for (line, content) in text.lines().enumerate().filter(|l| !l.1.trim().is_empty()) {
        let number = |text: &str| {
            crate::exact::rational::parse(text.trim())
                .map(|q| crate::rounding::Interval::from_rational(&q))
                .map_err(|e| bad(format!("line {}: {e}", line + 1)))
        };
        let Some((a, b)) = content.split_once(',') else {
            return Err(bad(format!("line {}: expected lo,hi", line + 1)));
        };
        lo.push(number(a)?.lo());
        hi.push(number(b)?.hi());
    }
    Ok(Domain::boxed(lo, hi)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_bounds_are_rounded_outward() {
        let witness = Witness {
            value: 0.999_999_9,
            x: Vec::new(),
            y: Vec::new(),
        };
        assert_eq!(lower(Some(&witness)), "0.999999");
        assert_eq!(lower(None), "0.000000");
        assert_eq!(upper(1.000_000_1), "1.000001");
        assert_eq!(upper(f64::INFINITY), "∞");
    }
}
