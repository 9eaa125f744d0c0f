//! The interface of a graph: operator sets, inputs, declared extents.

use super::super::messages::{GraphProto, OperatorSetIdProto, ValueInfoProto, data_type};
use super::{Batch, DOMAIN, DOMAIN_VERSION, Error, GraphReader, Value, Variable, limits};
use crate::graph::Op;
use crate::network::{Layer, NetworkNode};
use crate::ops::Shape;

/// The opsets whose operators read as documented.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=25;

/// The version of the default operator set.
pub(super) fn opset(imports: &[OperatorSetIdProto]) -> Result<i64, Error> {
    let mut opset = None;
    for import in imports {
        let wrong = |expected| {
            Err(Error::Model {
                what: format!("operator set {:?}", import.domain),
                found: format!("version {}", import.version),
                expected,
            })
        };
        match import.domain.as_str() {
            "" | "ai.onnx" if !OPSETS.contains(&import.version) => {
                return wrong("version 7 to 25");
            }
            "" | "ai.onnx" => opset = opset.max(Some(import.version)),
            DOMAIN if import.version != DOMAIN_VERSION => return wrong("version 1"),
            _ => {}
        }
    }
    opset.ok_or_else(|| Error::Model {
        what: "model".into(),
        found: "no version of the default operator set".into(),
        expected: "version 7 to 25",
    })
}

/// Nodes that the output does not depend on are dropped; inputs stay.
pub(super) fn prune(nodes: Vec<NetworkNode>, output: usize) -> (Vec<NetworkNode>, usize) {
    let mut keep: Vec<bool> = nodes
        .iter()
        .map(|n| matches!(n.layer, Layer::Op(Op::Input(_))))
        .collect();
    keep[output] = true;
    for (i, node) in nodes.iter().enumerate().rev() {
        if keep[i] {
            node.inputs.iter().for_each(|&j| keep[j] = true);
        }
    }
    let mut new = vec![0; nodes.len()];
    let mut kept = Vec::new();
    for (i, mut node) in nodes.into_iter().enumerate() {
        if keep[i] {
            new[i] = kept.len();
            node.inputs.iter_mut().for_each(|j| *j = new[*j]);
            kept.push(node);
        }
    }
    (kept, new[output])
}

impl<'m> GraphReader<'m, '_> {
    /// The graph's inputs without those that only declare an initializer.
    pub(super) fn inputs(&self, graph: &'m GraphProto) -> Vec<&'m ValueInfoProto> {
        graph
            .input
            .iter()
            .filter(|i| !self.values.contains_key(i.name.as_str()))
            .collect()
    }

    pub(super) fn model_input(&mut self, info: &'m ValueInfoProto) -> Result<(), Error> {
        const EXPECTED: &str = "fixed extents behind a batch axis that is 1 or symbolic";
        let wrong = |found: String| Error::Model {
            what: format!("input {}", info.name),
            found,
            expected: EXPECTED,
        };
        let declared = extents(info)?.ok_or_else(|| wrong("no extents".into()))?;
        let (batched, rest) = match &declared[..] {
            [None, rest @ ..] => {
                self.shared.batch = Batch::Any;
                (true, rest)
            }
            [Some(1), rest @ ..] if !rest.is_empty() => (true, rest),
            whole if whole.len() < 2 => (false, whole),
            _ => return Err(wrong(format!("extents {}", show(&declared)))),
        };
        let sample: Option<Vec<usize>> = rest.iter().copied().collect();
        let sample = sample.ok_or_else(|| wrong(format!("extents {}", show(&declared))))?;
        self.input(info, 0, sample, batched)
    }

    pub(super) fn input(
        &mut self,
        info: &'m ValueInfoProto,
        position: usize,
        sample: Vec<usize>,
        batched: bool,
    ) -> Result<(), Error> {
        let shape = self.shape(&info.name, &sample)?;
        let node = self.push(info.name.clone(), Op::Input(position), vec![], Some(shape));
        let mut full = sample;
        if batched {
            full.insert(0, 1);
        }
        let value = Value::Variable(Variable {
            node,
            full,
            batched,
        });
        self.define(&info.name, value)
    }
}

/// The extents a value is declared with; `None` for a symbolic one, or when no
/// shape is declared.
pub(super) fn extents(info: &ValueInfoProto) -> Result<Option<Vec<Option<usize>>>, Error> {
    let wrong = |found: String, expected| Error::Model {
        what: format!("input {}", info.name),
        found,
        expected,
    };
    let Some(tensor) = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
        return Ok(None);
    };
    if tensor.elem_type != data_type::FLOAT {
        return Err(wrong(
            format!("element type {}", tensor.elem_type),
            "float (1)",
        ));
    }
    let Some(shape) = &tensor.shape else {
        return Ok(None);
    };
    let mut dims = Vec::new();
    for (k, d) in shape.dim.iter().enumerate() {
        dims.push(match d.dim_value {
            // Some exporters store an unknown batch as 0 or -1.
            Some(v) if k == 0 && v <= 0 => None,
            Some(v) => Some(
                usize::try_from(v)
                    .ok()
                    .filter(|&v| v > 0)
                    .ok_or_else(|| wrong(format!("extent {v}"), "positive extents"))?,
            ),
            None => None,
        });
    }
    Ok(Some(dims))
}

pub(super) fn show(dims: &[Option<usize>]) -> String {
    let list: Vec<String> = dims
        .iter()
        .map(|d| d.map_or("?".into(), |d| d.to_string()))
        .collect();
    format!("[{}]", list.join(", "))
}

/// The flat sample shape, with its element count checked.
pub(super) fn checked(dims: &[usize]) -> Result<Shape, Error> {
    let len = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    match len {
        Some(n) if n <= limits::MAX_ELEMENTS => Ok(Shape::new(dims)),
        _ => Err(Error::TooLarge {
            what: "number of elements of a value",
            found: len.map_or(u64::MAX, |n| n as u64),
            limit: limits::MAX_ELEMENTS as u64,
        }),
    }
}
