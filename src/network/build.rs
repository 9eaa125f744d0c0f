//! Networks from a description: a dense stem, one ODE block, a dense head.
//!
//! | kind | block |
//! |---|---|
//! | `residual` | Euler with a field per step and `h = 1`: a residual network |
//! | `ode` | one field `f(t, z)` for all steps, time in `[0, 1]`, any one-step method |
//! | `zerosnet` | a linear multistep recurrence with a field per step, `h = 1` |
//!
//! A field is dense, activation, dense; in `ode` the time enters the first
//! dense layer as an input channel of its own.
//!
//! Weights start as `N(0, 2π / n_in²)` (Shi et al. 2021, Sect. 3.1), which
//! keeps the width of a box from layer to layer; the second layer of a field
//! is divided further by the number of times the fields are added up.

use std::sync::Arc;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Layer, Network, NetworkNode, OdeBlock};
use crate::exact::Rational;
use crate::graph::{Graph, GraphBuilder, Op};
use crate::ode::{self, Field, Method};
use crate::ops::{self, Dense, Param, Pointwise, Reshape, Shape, Tensor, activation_registry};

/// Why a description is not a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of the description is out of range.
    #[error("model.{field} = {found}: expected {expected}")]
    Field {
        /// the field
        field: &'static str,
        /// its value
        found: String,
        /// what is allowed
        expected: String,
    },
    /// The method is not known.
    #[error("model.method: {0}")]
    Method(#[from] ode::Error),
    /// An operator refused its tensors.
    #[error(transparent)]
    Operator(#[from] ops::Error),
    /// A graph could not be built.
    #[error(transparent)]
    Graph(#[from] crate::graph::Error),
}

/// Which network reads the block as which discretisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// residual network: Euler, a field per step
    Residual,
    /// neural ODE: one field, time as an input channel
    Ode,
    /// multistep network: a field per step
    Zerosnet,
}

impl Kind {
    /// The name in configurations and results.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Residual => "residual",
            Kind::Ode => "ode",
            Kind::Zerosnet => "zerosnet",
        }
    }
}

/// Description of a network with one ODE block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Architecture {
    /// the kind of block
    pub kind: Kind,
    /// elements of the state `z`
    pub width: usize,
    /// elements between the two dense layers of a field
    pub hidden: usize,
    /// number of steps
    pub steps: usize,
    /// name of the method, as in the registry; empty: `euler`, `midpoint` or
    /// `zerosnet(-9/5)` by kind
    pub method: String,
    /// name of the activation, as in the registry
    pub activation: String,
}

impl Default for Architecture {
    fn default() -> Architecture {
        Architecture {
            kind: Kind::Residual,
            width: 64,
            hidden: 64,
            steps: 3,
            method: String::new(),
            activation: "relu".into(),
        }
    }
}

impl Architecture {
    fn activation(&self) -> Result<Arc<dyn Pointwise>, Error> {
        let all = activation_registry();
        let known: Vec<&str> = all.iter().map(|f| f.name()).collect();
        let expected = known.join(", ");
        let found = all.into_iter().find(|f| f.name() == self.activation);
        found.ok_or_else(|| Error::Field {
            field: "activation",
            found: self.activation.clone(),
            expected: format!("one of {expected}"),
        })
    }

    /// The method that the block uses.
    ///
    /// # Errors
    /// An unknown name, or a kind that does not go with the method.
    pub fn method(&self) -> Result<Method, Error> {
        let name = match (self.method.as_str(), self.kind) {
            ("", Kind::Residual) => "euler",
            ("", Kind::Ode) => "midpoint",
            ("", Kind::Zerosnet) => "zerosnet(-9/5)",
            (name, _) => name,
        };
        let method = ode::by_name(name)?;
        let fits = match (self.kind, &method) {
            (Kind::Residual, m) => m.name() == "euler",
            (Kind::Ode, m) => matches!(m, Method::RungeKutta(_)),
            (Kind::Zerosnet, m) => matches!(m, Method::Multistep(_)),
        };
        if fits {
            return Ok(method);
        }
        Err(Error::Field {
            field: "method",
            found: name.into(),
            expected: match self.kind {
                Kind::Residual => "euler",
                Kind::Ode => "a one-step method",
                Kind::Zerosnet => "a multistep method",
            }
            .into(),
        })
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let least = match self.method()? {
            Method::RungeKutta(_) => 1,
            Method::Multistep(m) => m.k(),
        };
        for (field, found, least, most) in [
            ("width", self.width, 1, 1 << 14),
            ("hidden", self.hidden, 1, 1 << 14),
            ("steps", self.steps, least, 1000),
        ] {
            if !(least..=most).contains(&found) {
                return Err(Error::Field {
                    field,
                    found: found.to_string(),
                    expected: format!("{least} to {most}"),
                });
            }
        }
        self.activation().map(|_| ())
    }
}

/// Draws weights; the same on every machine.
struct Init {
    rng: ChaCha12Rng,
}

impl Init {
    /// A standard normal variate up to its fourth moment: the sum of twelve
    /// uniform ones, which needs no elementary function.
    fn normal(&mut self) -> f64 {
        let mut uniform = || f64::from(self.rng.next_u32()) / 4_294_967_296.0;
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }

    /// A dense layer; weights `N(0, (scale sqrt(2π) / inputs)²)`, bias zero.
    fn dense(
        &mut self,
        name: &str,
        (inputs, outputs): (usize, usize),
        scale: f64,
        with_bias: bool,
    ) -> Result<Arc<Dense>, Error> {
        let sd = scale * (2.0 * std::f64::consts::PI).sqrt() / inputs as f64;
        let data = (0..inputs * outputs)
            .map(|_| (sd * self.normal()) as f32)
            .collect();
        let shape = Shape::new(&[outputs, inputs]);
        let weight: Param = Arc::new(Tensor::new(format!("{name}/weight"), shape, data)?);
        let bias = if with_bias {
            let zeros = vec![0.0; outputs];
            let tensor = Tensor::new(format!("{name}/bias"), Shape::new(&[outputs]), zeros)?;
            Some(Arc::new(tensor))
        } else {
            None
        };
        Ok(Arc::new(Dense::new(weight, bias)?))
    }

    /// `f(z)` or `f(t, z)`.
    fn field(
        &mut self,
        architecture: &Architecture,
        prefix: &str,
        scale: f64,
    ) -> Result<Graph, Error> {
        let (width, hidden) = (architecture.width, architecture.hidden);
        let mut g = GraphBuilder::new();
        let time = (architecture.kind == Kind::Ode).then(|| g.input("t", Shape::new(&[1])));
        let z = g.input("z", Shape::new(&[width]));
        let inner = self.dense(&format!("{prefix}/inner"), (width, hidden), 1.0, true)?;
        let mut h = g.linear("inner", inner, z)?;
        if let Some(t) = time {
            // Dense on (t, z) is the sum of dense on each.
            let name = format!("{prefix}/time");
            let map = self.dense(&name, (1, hidden), 1.0 / hidden as f64, false)?;
            let shift = g.linear("time", map, t)?;
            h = g.combine(
                "inner with time",
                &[(Rational::from(1), h), (Rational::from(1), shift)],
            )?;
        }
        let h = g.pointwise("activation", architecture.activation()?, h)?;
        let outer = self.dense(&format!("{prefix}/outer"), (hidden, width), scale, true)?;
        let out = g.linear("outer", outer, h)?;
        Ok(g.finish(out)?)
    }
}

/// The network of `architecture` for samples of shape `input` and `classes`
/// logits, with weights drawn from `seed`.
///
/// # Errors
/// A field of the description that is out of range.
pub fn build(
    architecture: &Architecture,
    input: &Shape,
    classes: usize,
    seed: u64,
) -> Result<Network, Error> {
    architecture.validate()?;
    let mut init = Init {
        rng: ChaCha12Rng::seed_from_u64(seed),
    };
    let (width, steps) = (architecture.width, architecture.steps);
    let stem = init.dense("stem", (input.len(), width), 1.0, true)?;
    let (field, t1) = match architecture.kind {
        Kind::Residual | Kind::Zerosnet => {
            let scale = 1.0 / steps as f64;
            let fields = (0..steps)
                .map(|k| init.field(architecture, &format!("block/step{k}"), scale))
                .collect::<Result<Vec<_>, _>>()?;
            (Field::PerStep(fields), Rational::from(steps as u64))
        }
        Kind::Ode => (
            Field::Shared(init.field(architecture, "block", 1.0)?),
            Rational::from(1),
        ),
    };
    let head = init.dense("head", (width, classes), 1.0, true)?;

    let mut nodes = Vec::new();
    let mut add = |name: &str, layer: Layer, shape: Option<Shape>| {
        let inputs = nodes.len().checked_sub(1).into_iter().collect();
        nodes.push(NetworkNode {
            name: name.into(),
            layer,
            inputs,
            shape,
        });
    };
    add("input", Layer::Op(Op::Input(0)), Some(input.clone()));
    if input.dims().len() != 1 {
        let flat = Reshape::new(input.clone(), Shape::new(&[input.len()]))?;
        add("flatten", Layer::Op(Op::Linear(Arc::new(flat))), None);
    }
    add("stem", Layer::Op(Op::Linear(stem)), None);
    let activation = architecture.activation()?;
    add(
        "stem activation",
        Layer::Op(Op::Pointwise(activation)),
        None,
    );
    let block = OdeBlock {
        field,
        method: architecture.method()?,
        steps,
        t0: Rational::new(),
        t1,
    };
    add("block", Layer::Ode(Box::new(block)), None);
    add("head", Layer::Op(Op::Linear(head)), None);
    let output = nodes.len() - 1;
    let kind = match architecture.kind {
        Kind::Residual => "residual",
        Kind::Ode => "ode",
        Kind::Zerosnet => "zerosnet",
    };
    Ok(Network {
        name: kind.into(),
        nodes,
        output,
        rewritten: Vec::new(),
    })
}
