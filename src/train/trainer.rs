//! The training loop.

use std::path::Path;
use std::sync::Arc;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::objective::{Scalar, StepInputs};
use super::optimiser::{self, Stateful};
use super::state::{self, State};
use super::{Config, Error, objective};
use crate::data::Dataset;
use crate::exec::plan::{Parameter, Planner};
use crate::exec::program::{BufferId, Coefficient, Contents, Instruction};
use crate::exec::{Executor, Session};
use crate::network::{Network, build};
use crate::ops::{Param, Tensor};

/// Epochs between two saved states.
const SAVE_EVERY: usize = 10;

/// One pass over the training samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// counted from 1
    pub epoch: usize,
    /// mean loss of its steps
    pub loss: f64,
    /// ε at its end
    pub eps: f64,
    /// weight κ of the clean loss at its end
    pub kappa: f64,
}

/// A finished epoch, for a progress display.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// the epoch
    pub epoch: Epoch,
    /// number of epochs of the run
    pub epochs: usize,
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct Trained {
    /// the network
    pub network: Network,
    /// every epoch
    pub history: Vec<Epoch>,
}

/// A loaded training step.
struct Step {
    session: Box<dyn Session>,
    inputs: StepInputs,
    total: BufferId,
    params: Vec<Parameter>,
    state: Vec<Stateful>,
    batch: usize,
}

impl Step {
    fn new(
        config: &Config,
        executor: &dyn Executor,
        network: &Network,
        batch: usize,
    ) -> Result<Step, Error> {
        let graph = network.lower()?;
        let objective = objective::by_name(&config.train.objective)?;
        let mut planner = Planner::new(&graph, batch)?;
        let n = planner.n_in();
        let program = planner.program();
        let inputs = StepInputs {
            x: program.zeros("samples", batch * n),
            labels: program.buffer("labels", Contents::U32(vec![0; batch])),
            seed: program.buffer("seed", Contents::U32(vec![0; 3])),
            scalars: program.zeros("scalars", Scalar::COUNT),
            attack_steps: config.train.attack_steps,
        };
        let total = program.zeros("loss of the epoch", batch);
        let losses = objective.plan(&mut planner, &inputs)?;
        for x in losses {
            planner.program().push(Instruction::Axpy {
                x,
                alpha: Coefficient::Fixed(1.0),
                out: total,
                accumulate: true,
            });
        }
        let (mut program, params) = planner.finish();
        let state = optimiser::plan(&mut program, &params, &config.train, &inputs);
        Ok(Step {
            session: executor.load(&program)?,
            inputs,
            total,
            params,
            state,
            batch,
        })
    }

    fn read_state(&mut self) -> Result<Vec<Vec<f32>>, Error> {
        let session = &mut self.session;
        let values = self.state.iter().map(|s| session.read(s.buffer));
        Ok(values.collect::<Result<_, _>>()?)
    }
}

/// `0..n` in the order of one epoch: Fisher–Yates by multiplication of a
/// 64-bit draw, whose bias for `n < 2³²` is below 2⁻³².
fn shuffled(n: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(epoch as u64 + 1);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        let draw = u128::from(rng.next_u64()) * (i as u128 + 1);
        order.swap(i, (draw >> 64) as usize);
    }
    order
}

/// Identifies a run: everything that decides its result except the executor.
fn run_id(config: &Config, dataset: &Dataset) -> String {
    let mut h = Sha256::new();
    h.update(format!("dahlquist training state 1\n{config:?}\n"));
    h.update(&dataset.sha256);
    h.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Trains the network of `config` on the training samples of `dataset`.
///
/// With `state`, the run is saved there every ten epochs, and continues from
/// there if the file belongs to the same configuration and data; the result is
/// the same as without the interruption. The file is left for the caller to
/// remove once the network is stored.
///
/// # Errors
/// A configuration out of range, data that does not fit it, executor failures,
/// weights that stop being finite, a state file that cannot be used.
pub fn train(
    config: &Config,
    executor: &dyn Executor,
    dataset: &Dataset,
    state: Option<&Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Trained, Error> {
    config.validate()?;
    let samples = &dataset.train;
    let batch = config.train.batch.min(samples.count());
    if batch == 0 {
        return Err(Error::Field {
            field: "data.source",
            found: dataset.name.clone(),
            expected: "at least one training sample".into(),
        });
    }
    let network = build::build(&config.model, &dataset.shape, dataset.classes, config.seed)?;
    let mut step = Step::new(config, executor, &network, batch)?;
    let run = run_id(config, dataset);
    let mut history: Vec<Epoch> = Vec::new();
    if let Some(path) = state
        && let Some(saved) = state::load(path, &run, &step.state)?
    {
        for (s, values) in step.state.iter().zip(&saved.values) {
            step.session.write(s.buffer, values)?;
        }
        history = saved.history;
        history.truncate(config.train.epochs);
    }
    for epoch in history.len()..config.train.epochs {
        let done = run_epoch(config, dataset, &mut step, epoch)?;
        history.push(done);
        if let Some(path) = state
            && (done.epoch % SAVE_EVERY == 0 || done.epoch == config.train.epochs)
        {
            let values = step.read_state()?;
            let saved = State { history, values };
            state::save(path, &run, &step.state, &saved)?;
            history = saved.history;
        }
        progress(Progress {
            epoch: done,
            epochs: config.train.epochs,
        });
    }
    let network = with_values(&network, &mut step, history.len())?;
    Ok(Trained { network, history })
}

fn run_epoch(
    config: &Config,
    dataset: &Dataset,
    step: &mut Step,
    epoch: usize,
) -> Result<Epoch, Error> {
    let samples = &dataset.train;
    let batch = step.batch;
    let steps = samples.count() / batch;
    let order = shuffled(samples.count(), config.seed, epoch);
    let (session, inputs) = (&mut step.session, &step.inputs);
    session.write(step.total, &vec![0.0; batch])?;
    let mut rates = config.train.rates(epoch as f64);
    for (i, chunk) in order.chunks_exact(batch).enumerate() {
        let x: Vec<f32> = chunk
            .iter()
            .flat_map(|&s| samples.sample(s).iter().copied())
            .collect();
        let y: Vec<u32> = chunk.iter().map(|&s| samples.labels[s]).collect();
        rates = config.train.rates(epoch as f64 + i as f64 / steps as f64);
        let t = epoch * steps + i;
        let [c1, c2] = optimiser::corrections(t + 1);
        let mut scalars = [0.0f32; Scalar::COUNT];
        for (at, v) in [
            (Scalar::Rate, rates.lr),
            (Scalar::FirstCorrection, c1),
            (Scalar::SecondCorrection, c2),
            (Scalar::Eps, rates.eps),
            (Scalar::CleanWeight, rates.kappa / batch as f64),
            (Scalar::RobustWeight, (1.0 - rates.kappa) / batch as f64),
        ] {
            scalars[at as usize] = v as f32;
        }
        session.write(inputs.x, &x)?;
        session.write_u32(inputs.labels, &y)?;
        session.write_u32(inputs.seed, &[config.seed as u32, t as u32, 0])?;
        session.write(inputs.scalars, &scalars)?;
        session.run()?;
    }
    let losses = session.read(step.total)?;
    let sum: f64 = losses.iter().map(|&v| f64::from(v)).sum();
    Ok(Epoch {
        epoch: epoch + 1,
        loss: sum / steps as f64,
        eps: rates.eps,
        kappa: rates.kappa,
    })
}

/// The network with the trained weights.
fn with_values(network: &Network, step: &mut Step, epoch: usize) -> Result<Network, Error> {
    let mut new: Vec<(Param, Param)> = Vec::with_capacity(step.params.len());
    for p in &step.params {
        let old = &p.tensor;
        let data = step.session.read(p.buffer)?;
        let tensor = Tensor::new(old.name(), old.shape().clone(), data)
            .map_err(|source| Error::Diverged { epoch, source })?;
        new.push((old.clone(), Arc::new(tensor)));
    }
    let replace = |p: &Param| {
        let found = new.iter().find(|(old, _)| Arc::ptr_eq(old, p));
        found.map_or_else(|| p.clone(), |(_, new)| new.clone())
    };
    Ok(network.map_params(&replace)?)
}
