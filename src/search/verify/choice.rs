//! Backward passes at every layer or affine forms alone: what closes a box
//! with less work is learnt while searching.

use std::sync::Mutex;

use crate::bounds::Passes;

/// Comparisons that are made whatever they cost.
const FIRST: usize = 2;

/// Share of the work that later comparisons may add.
const SHARE: f64 = 0.05;

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
    batches: usize,
    comparisons: usize,
    /// work per box, with passes everywhere and with forms
    work: [f64; 2],
    /// of all batches, and what comparisons added
    spent: f64,
    added: f64,
    /// logarithm of expected work with passes everywhere by that with forms
    advantage: Option<f64>,
}

/// Learns which way is better. All decisions are functions of counts.
#[derive(Debug, Default)]
pub(super) struct Choice(Mutex<Record>);

impl Choice {
    /// How to bound the next batch, of so many boxes. The first has no more
    /// than forms: they may do, and cost little.
    pub(super) fn next(&self, boxes: usize) -> Way {
        let mut record = self.0.lock().unwrap_or_else(|e| e.into_inner());
        record.batches += 1;
        if record.batches == 1 {
            return Way::One(Passes::Last);
        }
        let forms = record.advantage.is_some_and(|a| a > 0.0);
        let [best, other] = match record.work {
            [passes, forms_alone] if forms => [forms_alone, passes],
            work => work,
        };
        record.spent += best * boxes as f64;
        let added = record.added + other * boxes as f64;
        if record.comparisons < FIRST || added <= SHARE * record.spent {
            record.comparisons += 1;
            record.added = added;
            return Way::Both;
        }
        Way::One(if forms {
            Passes::Last
        } else {
            Passes::Everywhere
        })
    }

    /// Halving every one of `dimensions` widths halves a gap at least, so that
    /// closing a gap `g` takes up to a multiple of `g^dimensions` boxes.
    pub(super) fn learn(&self, everywhere: Trial, forms: Trial, dimensions: usize) {
        let boxes = dimensions as f64 * (everywhere.gap / forms.gap).ln();
        let new = boxes + (everywhere.work / forms.work).ln();
        if !new.is_finite() {
            return;
        }
        let mut record = self.0.lock().unwrap_or_else(|e| e.into_inner());
        record.work = [everywhere.work, forms.work];
        let old = record.advantage.unwrap_or(new);
        record.advantage = Some(old + RATE * (new - old));
        tracing::debug!(new, record.advantage, "forms against passes");
    }
}
