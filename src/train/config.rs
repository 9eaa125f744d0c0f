//! What to train, and how: a TOML file.

use serde::{Deserialize, Serialize};

use super::{Error, objective};
use crate::network::build::Architecture;

/// Where the samples come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// a data set, as [`crate::data::load`] takes it
    pub source: String,
}

/// The rule of a parameter update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// Adam with decoupled weight decay
    Adam,
    /// stochastic gradient descent with momentum
    Sgd,
}

/// How ε grows from 0 to its final value over the ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ramp {
    /// linearly
    Linear,
    /// with the fourth power over the first quarter, then linearly with the
    /// same slope (Zhang et al. 2020)
    Smooth,
}

/// The training schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// passes over the training samples
    pub epochs: usize,
    /// samples per step; what remains of an epoch is left out
    pub batch: usize,
    /// learning rate until `lr_hold`, then linearly to 0 at the end
    pub lr: f64,
    /// fraction of the epochs with the full learning rate
    pub lr_hold: f64,
    /// rule of the update
    pub optimiser: Optimiser,
    /// momentum of `sgd`
    pub momentum: f64,
    /// weight decay
    pub decay: f64,
    /// name of the objective
    pub objective: String,
    /// final radius of the ℓ∞ ball, pixels in `[0, 1]`
    pub eps: f64,
    /// epochs with ε = 0 before the ramp
    pub warmup: usize,
    /// epochs over which ε grows to its final value, and κ from 1 to its own
    pub ramp: usize,
    /// shape of the growth
    pub ramp_shape: Ramp,
    /// final weight κ of the clean loss (objective `ibp`)
    pub kappa: f64,
    /// ascent steps per training step (objective `pgd`)
    pub attack_steps: usize,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule {
            epochs: 60,
            batch: 100,
            lr: 5e-3,
            lr_hold: 0.6,
            optimiser: Optimiser::Adam,
            momentum: 0.9,
            decay: 0.0,
            objective: "standard".into(),
            eps: 0.0,
            warmup: 2,
            ramp: 20,
            ramp_shape: Ramp::Smooth,
            kappa: 0.5,
            attack_steps: 7,
        }
    }
}

/// A training run. Everything that decides its result is here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// seeds the weights, the order of the samples and the attacks
    #[serde(default)]
    pub seed: u64,
    /// the samples
    pub data: Data,
    /// the network
    pub model: Architecture,
    /// the schedule
    pub train: Schedule,
}

impl Config {
    /// Reads and validates a configuration; `path` is for messages.
    ///
    /// # Errors
    /// Unknown or missing keys, values of the wrong type or out of range.
    pub fn parse(path: &str, text: &str) -> Result<Config, Error> {
        let config: Config = toml::from_str(text).map_err(|e| Error::Toml {
            path: path.into(),
            message: e.to_string(),
        })?;
        config.validate()?;
        Ok(config)
    }

    /// The demo's three runs: a residual network, an ODE network and a
    /// three-step ZeroSNet with the same number of weights and epochs
    /// (`examples/configs`).
    ///
    /// # Errors
    /// None on the files as bundled.
    pub fn demo() -> Result<Vec<Config>, Error> {
        [
            (
                "residual.toml",
                include_str!("../../examples/configs/residual.toml"),
            ),
            ("ode.toml", include_str!("../../examples/configs/ode.toml")),
            (
                "zerosnet.toml",
                include_str!("../../examples/configs/zerosnet.toml"),
            ),
        ]
        .into_iter()
        .map(|(name, text)| Config::parse(name, text))
        .collect()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        self.model.validate()?;
        let t = &self.train;
        let mut wrong = None;
        let mut check = |field, found: f64, low: f64, high: f64| {
            if !(low..=high).contains(&found) && wrong.is_none() {
                wrong = Some(Error::Field {
                    field,
                    found: found.to_string(),
                    expected: format!("{low} to {high}"),
                });
            }
        };
        check("train.epochs", t.epochs as f64, 1.0, 1e6);
        check("train.batch", t.batch as f64, 1.0, 65536.0);
        check("train.lr", t.lr, 0.0, 100.0);
        check("train.lr_hold", t.lr_hold, 0.0, 1.0);
        check("train.momentum", t.momentum, 0.0, 1.0);
        check("train.decay", t.decay, 0.0, 1.0);
        check("train.eps", t.eps, 0.0, 1.0);
        check("train.warmup", t.warmup as f64, 0.0, t.epochs as f64);
        check("train.ramp", t.ramp as f64, 0.0, t.epochs as f64);
        check("train.kappa", t.kappa, 0.0, 1.0);
        check("train.attack_steps", t.attack_steps as f64, 1.0, 1000.0);
        if let Some(error) = wrong {
            return Err(error);
        }
        objective::by_name(&t.objective).map(|_| ())
    }
}
