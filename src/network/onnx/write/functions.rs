//! Pointwise functions as ONNX nodes.

use super::super::messages::NodeProto;
use super::super::{Error, tensor};
use super::{Writer, float, int, node};
use crate::ops::Pointwise;

/// Functions with a node of their own in the default domain, without
/// parameters.
const STANDARD: [(&str, &str); 14] = [
    ("abs", "Abs"),
    ("cos", "Cos"),
    ("erf", "Erf"),
    ("exp", "Exp"),
    ("floor", "Floor"),
    ("log", "Log"),
    ("reciprocal", "Reciprocal"),
    ("relu", "Relu"),
    ("sigmoid", "Sigmoid"),
    ("sign", "Sign"),
    ("sin", "Sin"),
    ("softplus", "Softplus"),
    ("sqrt", "Sqrt"),
    ("tanh", "Tanh"),
];

/// Functions that are several nodes of the default domain; in a model file
/// they are one node of ours.
pub(super) const OWN: [(&str, &str); 5] = [
    ("gelu", "Gelu"),
    ("hard_swish", "HardSwish"),
    ("rsqrt", "Rsqrt"),
    ("silu", "Silu"),
    ("step", "Step"),
];

impl Writer {
    /// The node of a function that has one in the default domain.
    pub(super) fn function(&mut self, f: &dyn Pointwise, x: &str, name: &str) -> Option<NodeProto> {
        let parameters = f.parameters();
        let mut inputs = vec![x.to_string()];
        if let Some((_, operator)) = STANDARD.iter().find(|(own, _)| *own == f.name()) {
            return Some(node("", operator, name, inputs, vec![]));
        }
        let (operator, attributes) = match (f.name(), &parameters[..]) {
            ("square", []) => {
                inputs.push(x.into());
                ("Mul", vec![])
            }
            ("power", &[exponent]) => {
                inputs.push(self.scalar(exponent));
                ("Pow", vec![])
            }
            ("clip", &[lo, hi]) => {
                for limit in [lo, hi] {
                    inputs.push(if limit.is_finite() {
                        self.scalar(limit)
                    } else {
                        String::new()
                    });
                }
                ("Clip", vec![])
            }
            ("leaky_relu", &[alpha]) => ("LeakyRelu", vec![float("alpha", alpha)]),
            ("elu", &[alpha]) => ("Elu", vec![float("alpha", alpha)]),
            ("hard_sigmoid", &[alpha, beta]) => {
                let attributes = vec![float("alpha", alpha), float("beta", beta)];
                ("HardSigmoid", attributes)
            }
            _ => return None,
        };
        Some(node("", operator, name, inputs, attributes))
    }

    /// The function as nodes that any runtime has.
    pub(super) fn plain_function(
        &mut self,
        f: &dyn Pointwise,
        x: &str,
        name: &str,
    ) -> Result<Vec<NodeProto>, Error> {
        if let Some(one) = self.function(f, x, name) {
            return Ok(vec![one]);
        }
        let numbers: &[f32] = match f.name() {
            "gelu" => &[std::f32::consts::FRAC_1_SQRT_2, 1.0, 0.5],
            "step" => &[0.0],
            _ => &[],
        };
        let numbers: Vec<String> = numbers.iter().map(|&v| self.scalar(v)).collect();
        let mut nodes = Vec::new();
        let mut step = |operator: &str, part: &str, inputs: &[&str], attributes| {
            let output = match part {
                "" => name.to_string(),
                _ => self.unique(&format!("{name}/{part}")),
            };
            let inputs = inputs.iter().map(|s| s.to_string()).collect();
            nodes.push(node("", operator, &output, inputs, attributes));
            output
        };
        match f.name() {
            "rsqrt" => {
                let root = step("Sqrt", "root", &[x], vec![]);
                step("Reciprocal", "", &[&root], vec![]);
            }
            "silu" => {
                let gate = step("Sigmoid", "gate", &[x], vec![]);
                step("Mul", "", &[x, &gate], vec![]);
            }
            "hard_swish" => {
                let attributes = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
                let gate = step("HardSigmoid", "gate", &[x], attributes);
                step("Mul", "", &[x, &gate], vec![]);
            }
            "gelu" => {
                let scaled = step("Mul", "scaled", &[x, &numbers[0]], vec![]);
                let erf = step("Erf", "erf", &[&scaled], vec![]);
                let sum = step("Add", "sum", &[&erf, &numbers[1]], vec![]);
                let gate = step("Mul", "gate", &[&sum, &numbers[2]], vec![]);
                step("Mul", "", &[x, &gate], vec![]);
            }
            "step" => {
                let truth = step("GreaterOrEqual", "truth", &[x, &numbers[0]], vec![]);
                step("Cast", "", &[&truth], vec![int("to", 1)]);
            }
            _ => return Err(unsupported(f, name)),
        }
        Ok(nodes)
    }

    /// An initializer of one number.
    pub(super) fn scalar(&mut self, value: f32) -> String {
        let key = (value.to_bits(), vec![]);
        if let Some(name) = self.numbers.get(&key) {
            return name.clone();
        }
        let name = self.unique(&format!("{value:?}"));
        self.initializers.push(tensor::floats(&name, &[], &[value]));
        self.numbers.insert(key, name.clone());
        name
    }
}

pub(super) fn unsupported(f: &dyn Pointwise, name: &str) -> Error {
    Error::Model {
        what: format!("node {name}"),
        found: f.name().into(),
        expected: "a function with an ONNX form",
    }
}
