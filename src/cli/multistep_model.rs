//! `multistep analyze --model`: the recurrences of a network's ODE blocks, coefficients as stored.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::multistep::Error;
use crate::exact::{Rational, rational};
use crate::multistep::analyze::PowerEnclosure;
use crate::multistep::{self, Analysis, Kind, LinearMultistep};
use crate::network::Network;

#[derive(Serialize)]
struct Block<'a> {
    block: &'a str,
    method: &'a str,
    steps: usize,
    #[serde(flatten)]
    analysis: &'a Analysis,
}

/// What follows for all blocks one after another: each starts anew from the state before it, so the
/// homogeneous parts multiply.
#[derive(Serialize)]
struct Chain {
    chain: usize,
    all_zero_stable: bool,
    all_consistent: bool,
    /// The product of the blocks' proved bounds of `sup ‖Cⁿ‖` in the row-sum norm; none where one of
    /// them is missing.
    linf_bound: Option<String>,
}

/// Analyses every block of the model, then the chain.
pub(super) fn analyze(path: &Path, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let network = Network::load(path)?;
    let mut chain = Chain {
        chain: 0,
        all_zero_stable: true,
        all_consistent: true,
        linf_bound: None,
    };
    let mut product = Some(Rational::from(1));
    for (name, block) in network.ode_blocks() {
        let (alpha, beta) = block.method.recurrence();
        let recurrence = LinearMultistep::new(block.method.name(), Kind::First, alpha, beta)?;
        let analysis = multistep::analyze(&recurrence)?;
        chain.chain += 1;
        chain.all_zero_stable &= analysis.zero_stable;
        chain.all_consistent &= analysis.consistent;
        let upper = match analysis.power_bound.as_ref().map(|p| &p.linf) {
            Some(PowerEnclosure::Enclosed([_, hi])) => rational::parse(hi).ok(),
            _ => None,
        };
        product = product.zip(upper).map(|(a, b)| a * b);
        if json {
            let record = Block {
                block: name,
                method: block.method.name(),
                steps: block.steps,
                analysis: &analysis,
            };
            serde_json::to_writer(&mut *out, &record)?;
            writeln!(out)?;
        } else {
            writeln!(out, "block {name}, {} step(s) of", block.steps)?;
            write!(out, "{analysis}")?;
        }
    }
    chain.linf_bound = product.filter(|_| chain.chain > 0).map(|p| p.to_string());
    if json {
        serde_json::to_writer(&mut *out, &chain)?;
        writeln!(out)?;
    } else {
        let word = |yes: bool| if yes { "yes" } else { "no" };
        writeln!(
            out,
            "chain of {} block(s): all zero-stable {}, all consistent {}, product of sup |C^n|_inf at most {}",
            chain.chain,
            word(chain.all_zero_stable),
            word(chain.all_consistent),
            chain.linf_bound.as_deref().unwrap_or("not bounded")
        )?;
    }
    Ok(())
}
