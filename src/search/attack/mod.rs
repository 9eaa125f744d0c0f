//! Attacks: points of a ball that a network is likely to get wrong.
//!
//! An attack proposes. What [`run`] returns is a [`Candidate`]: its point lies
//! in the ball and in `[0, 1]` exactly, but its margin is an estimate in
//! binary32. It becomes a witness when the network is evaluated there with
//! enclosures.

mod ascent;
mod fgsm;
mod margins;
mod minimal;
mod noise;
mod pgd;
mod snap;

use crate::exact::Rational;
use crate::exec::plan::Planner;
use crate::exec::program::{BufferId, Coefficient, Contents, Instruction, Norm};
use crate::exec::{self, Executor};
use crate::graph::Graph;

pub use ascent::{Ascent, Record};
pub use margins::estimate_margins;
pub use minimal::minimal_eps;
pub use snap::snap;

/// Why an attack could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The executor failed.
    #[error(transparent)]
    Exec(#[from] exec::Error),
    /// No attack of that name.
    #[error("no attack is named {name:?}; known: {known}")]
    Unknown {
        /// the name
        name: String,
        /// the known names
        known: String,
    },
    /// Samples and labels do not fit the graph.
    #[error("{what}: {found} values, expected {expected}")]
    Length {
        /// which list
        what: &'static str,
        /// its length
        found: usize,
        /// what the graph needs
        expected: String,
    },
    /// An option is out of range.
    #[error("attack option {option} = {found}: expected {expected}")]
    Parameter {
        /// the option
        option: &'static str,
        /// its value
        found: String,
        /// what is allowed
        expected: &'static str,
    },
}

/// What an ascent increases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// cross-entropy
    CrossEntropy,
    /// the largest rival logit minus the label's
    Margin,
}

/// The region and the effort of an attack.
#[derive(Clone, Debug)]
pub struct Options {
    /// norm of the ball
    pub norm: Norm,
    /// radius of the ball, exact; it is cut with `[0, 1]`
    pub eps: Rational,
    /// ascent steps per restart
    pub steps: usize,
    /// independent starts
    pub restarts: usize,
    /// size of a step as a multiple of ε; by default `2.5 / steps`
    pub step: Option<f32>,
    /// what to increase
    pub loss: Loss,
    /// seed of the random starts
    pub seed: u32,
    /// samples per submission
    pub batch: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            norm: Norm::Linf,
            eps: Rational::from((1, 20)),
            steps: 20,
            restarts: 2,
            step: None,
            loss: Loss::CrossEntropy,
            seed: 0,
            batch: 128,
        }
    }
}

impl Options {
    fn validate(&self) -> Result<(), Error> {
        if self.eps < 0 {
            return Err(Error::Parameter {
                option: "eps",
                found: self.eps.to_string(),
                expected: "not negative",
            });
        }
        for (option, found) in [
            ("steps", self.steps),
            ("restarts", self.restarts),
            ("batch", self.batch),
        ] {
            if !(1..=100_000).contains(&found) {
                return Err(Error::Parameter {
                    option,
                    found: found.to_string(),
                    expected: "1 to 100000",
                });
            }
        }
        Ok(())
    }
}

/// The worst point found for one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// index of the sample
    pub sample: usize,
    /// the point: in the ball and in `[0, 1]`, exactly
    pub x: Vec<f32>,
    /// `z_y - max_{j≠y} z_j` at the point, in binary32; not positive if the
    /// network seems to err there
    pub margin_estimate: f32,
    /// distance of the point from the sample, rounded up
    pub distance: f64,
}

impl Candidate {
    /// Whether the network seems to err at the point.
    pub fn seems_wrong(&self) -> bool {
        self.margin_estimate <= 0.0
    }
}

/// The buffers of an attack program.
#[derive(Clone, Copy, Debug)]
pub struct Io {
    /// the samples (batch, elements)
    pub x0: BufferId,
    /// their labels (batch), u32
    pub labels: BufferId,
    /// seed, restart, first sample: u32
    pub seed: BufferId,
    /// scalars: ε and the step size
    pub scalars: BufferId,
    /// where to record the best points
    pub record: Record,
}

impl Io {
    /// The radius ε.
    pub fn eps(&self) -> Coefficient {
        Coefficient::Scalar {
            factor: 1.0,
            buffer: self.scalars,
            index: 0,
        }
    }

    /// The step size.
    pub fn step(&self) -> Coefficient {
        Coefficient::Scalar {
            factor: 1.0,
            buffer: self.scalars,
            index: 1,
        }
    }
}

/// An attack appends one restart to a program.
pub trait Attack: Sync {
    /// The name, as in the registry and on the command line.
    fn name(&self) -> &'static str;
    /// Restarts that make sense: 1 if nothing is random.
    fn restarts(&self, options: &Options) -> usize {
        options.restarts
    }
    /// Appends one restart; every point that it evaluates goes to `io.record`.
    fn plan(&self, planner: &mut Planner<'_>, io: &Io, options: &Options);
}

/// Every attack.
pub fn registry() -> &'static [&'static dyn Attack] {
    &[&fgsm::Fgsm, &pgd::Pgd, &noise::Noise]
}

/// The attack called `name`.
///
/// # Errors
/// Lists the known names.
pub fn by_name(name: &str) -> Result<&'static dyn Attack, Error> {
    let found = registry().iter().find(|a| a.name() == name);
    found.copied().ok_or_else(|| Error::Unknown {
        name: name.into(),
        known: registry()
            .iter()
            .map(|a| a.name())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// Number of samples in `x`, after checks.
fn count(graph: &Graph, x: &[f32], labels: &[u32]) -> Result<usize, Error> {
    let (n, classes) = (graph.input_shape(0).len(), graph.output_shape().len());
    if labels.len().checked_mul(n) != Some(x.len()) {
        return Err(Error::Length {
            what: "samples",
            found: x.len(),
            expected: format!("{} × {n}", labels.len()),
        });
    }
    if let Some(l) = labels.iter().find(|&&l| l as usize >= classes) {
        return Err(Error::Length {
            what: "logits",
            found: classes,
            expected: format!("more than the label {l}"),
        });
    }
    Ok(labels.len())
}

/// A loaded attack for one batch size.
struct Loaded {
    session: Box<dyn exec::Session>,
    io: Io,
    batch: usize,
    n: usize,
    restarts: usize,
}

impl Loaded {
    fn new(
        attack: &dyn Attack,
        executor: &dyn Executor,
        graph: &Graph,
        batch: usize,
        options: &Options,
    ) -> Result<Loaded, Error> {
        let mut planner = Planner::new(graph, batch)?;
        let n = planner.n_in();
        let program = planner.program();
        let io = Io {
            x0: program.zeros("samples", batch * n),
            labels: program.buffer("labels", Contents::U32(vec![0; batch])),
            seed: program.buffer("seed", Contents::U32(vec![0; 3])),
            scalars: program.zeros("eps and step", 2),
            record: Record {
                best: program.zeros("best points", batch * n),
                score: program.zeros("best margins", batch),
            },
        };
        attack.plan(&mut planner, &io, options);
        let (program, _) = planner.finish();
        Ok(Loaded {
            session: executor.load(&program)?,
            io,
            batch,
            n,
            restarts: attack.restarts(options),
        })
    }

    /// Attacks the samples `which` of `x` within `eps`; one point for each.
    fn attack(
        &mut self,
        x: &[f32],
        labels: &[u32],
        which: &[usize],
        eps: &Rational,
        options: &Options,
    ) -> Result<Vec<Vec<f32>>, Error> {
        let n = self.n;
        let radius = eps.to_f64() as f32;
        let step = options.step.unwrap_or(2.5 / options.steps as f32);
        let s = &mut self.session;
        s.write(self.io.scalars, &[radius, step * radius])?;
        let mut points = Vec::with_capacity(which.len());
        for chunk in which.chunks(self.batch) {
            // A short chunk is filled up with its first sample.
            let row = |i: usize| *chunk.get(i).unwrap_or(&chunk[0]);
            let mut x0 = Vec::with_capacity(self.batch * n);
            for i in 0..self.batch {
                x0.extend_from_slice(&x[row(i) * n..(row(i) + 1) * n]);
            }
            let y: Vec<u32> = (0..self.batch).map(|i| labels[row(i)]).collect();
            s.write(self.io.x0, &x0)?;
            s.write_u32(self.io.labels, &y)?;
            s.write(self.io.record.best, &x0)?;
            s.write(self.io.record.score, &vec![f32::MAX; self.batch])?;
            for restart in 0..self.restarts {
                let seed = [options.seed, restart as u32, chunk[0] as u32];
                s.write_u32(self.io.seed, &seed)?;
                s.run()?;
            }
            let best = s.read(self.io.record.best)?;
            points.extend(best.chunks_exact(n).take(chunk.len()).map(<[f32]>::to_vec));
        }
        Ok(points)
    }
}

/// The worst point found for each sample.
///
/// **Shapes.** `x` is (count, elements), pixels in `[0, 1]`; `labels` (count).
/// A sample that is misclassified already may come back unchanged.
///
/// # Errors
/// Lengths that do not fit the graph, options out of range, executor failures.
pub fn run(
    attack: &dyn Attack,
    executor: &dyn Executor,
    graph: &Graph,
    x: &[f32],
    labels: &[u32],
    options: &Options,
) -> Result<Vec<Candidate>, Error> {
    options.validate()?;
    let count = count(graph, x, labels)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let batch = options.batch.min(count);
    let mut loaded = Loaded::new(attack, executor, graph, batch, options)?;
    let all: Vec<usize> = (0..count).collect();
    let points = loaded.attack(x, labels, &all, &options.eps, options)?;
    finish(
        executor,
        graph,
        x,
        labels,
        &all,
        points,
        |_| &options.eps,
        options,
    )
}

/// Snaps points into their balls and evaluates them there.
#[allow(clippy::too_many_arguments)]
fn finish<'a>(
    executor: &dyn Executor,
    graph: &Graph,
    x: &[f32],
    labels: &[u32],
    which: &[usize],
    mut points: Vec<Vec<f32>>,
    eps: impl Fn(usize) -> &'a Rational,
    options: &Options,
) -> Result<Vec<Candidate>, Error> {
    let n = graph.input_shape(0).len();
    let mut distances = Vec::with_capacity(points.len());
    for (i, (point, &s)) in points.iter_mut().zip(which).enumerate() {
        let x0 = &x[s * n..(s + 1) * n];
        distances.push(snap(point, x0, eps(i), options.norm));
    }
    let y: Vec<u32> = which.iter().map(|&s| labels[s]).collect();
    let margins = estimate_margins(executor, graph, &points.concat(), &y, options.batch)?;
    Ok(points
        .into_iter()
        .zip(margins)
        .zip(distances)
        .zip(which)
        .map(|(((x, margin_estimate), distance), &sample)| Candidate {
            sample,
            x,
            margin_estimate,
            distance,
        })
        .collect())
}

/// Appends a random start of `out`.
fn random_start(planner: &mut Planner<'_>, io: &Io, norm: Norm, out: BufferId) {
    let (batch, n) = (planner.batch(), planner.n_in());
    planner.program().push(Instruction::RandomStart {
        x0: io.x0,
        out,
        seed: io.seed,
        eps: io.eps(),
        norm,
        lo: 0.0,
        hi: 1.0,
        batch,
        n,
    });
}
