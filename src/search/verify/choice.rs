//! Backward passes at every layer or affine forms alone: what closes a box
//! with less work is learnt while searching.

use std::sync::Mutex;

use crate::bounds::Passes;

/// Batches at the start that are bounded both ways.
const FIRST: u64 = 4;

/// Later one batch in so many is.
const ONE_IN: u64 = 32;

/// Weight of a new comparison.
const RATE: f64 = 0.3;

/// How a batch is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    One(Passes),
    /// both ways, to compare them
    Both,
}

/// Work of one way and what it left open, per box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    /// in evaluations of the network
    pub work: f64,
    /// from the bound up to the least value seen
    pub gap: f64,
}

#[derive(Debug, Default)]
struct Record {
    batches: u64,
    /// logarithm of expected work with passes everywhere by that with forms
    advantage: Option<f64>,
}

/// Learns which way is better. All decisions are functions of counts.
#[derive(Debug, Default)]
pub(super) struct Choice(Mutex<Record>);

impl Choice {
    /// How to bound the next batch.
    pub(super) fn next(&self) -> Way {
        let mut record = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let batch = record.batches;
        record.batches += 1;
        if batch < FIRST || batch.is_multiple_of(ONE_IN) {
            return Way::Both;
        }
        let forms = record.advantage.is_some_and(|a| a > 0.0);
        Way::One(if forms {
            Passes::Last
        } else {
            Passes::Everywhere
        })
    }

    /// Halving every one of `dimensions` widths divides a gap by about four, so
    /// that closing a gap `g` takes in proportion to `g^(dimensions / 2)` boxes.
    pub(super) fn learn(&self, everywhere: Trial, forms: Trial, dimensions: usize) {
        let boxes = 0.5 * dimensions as f64 * (everywhere.gap / forms.gap).ln();
        let new = boxes + (everywhere.work / forms.work).ln();
        if new.is_finite() {
            let mut record = self.0.lock().unwrap_or_else(|e| e.into_inner());
            let old = record.advantage.unwrap_or(new);
            record.advantage = Some(old + RATE * (new - old));
            tracing::debug!(new, advantage = record.advantage, "forms against passes");
        }
    }
}
