//! A graph as plain ONNX.

use super::super::messages::{GraphProto, NodeProto};
use super::super::{Error, tensor};
use super::{Writer, int, node, positive, product, target, value_info, window};
use crate::exact::Rational;
use crate::graph::{Graph, Op};
use crate::ops::{LinearKernel, LinearMap, Param, Shape};

/// The graph as plain ONNX (opset 13) that any runtime can run: input `input`
/// and output `logits`, each with a symbolic batch axis `N` in front.
///
/// Weights are written as they are and shared ones once; coefficients and
/// constants that are not binary32 numbers (an ODE step's `h/6`) are rounded to
/// nearest; nodes of constants only are folded exactly first. Equal graphs give
/// equal bytes.
///
/// # Errors
/// The graph has not exactly one input, the output does not depend on it, a
/// coefficient overflows binary32, an extent is zero, or the file would exceed
/// the format's 2 GiB.
pub fn write_unrolled(graph: &Graph) -> Result<Vec<u8>, Error> {
    // Readers of other tools want constants as initializers, not as nodes.
    let graph = &graph.fold_constants()?;
    let &[input] = graph.inputs() else {
        return Err(Error::Model {
            what: "graph".into(),
            found: format!("{} inputs", graph.inputs().len()),
            expected: "one input",
        });
    };
    let output = graph.output();
    if !graph.ancestors(output)[input.index()] {
        return Err(Error::Model {
            what: "graph".into(),
            found: "an output that does not depend on the input".into(),
            expected: "an output with a batch axis",
        });
    }
    let mut plain = Plain::default();
    let input_name = plain.writer.unique("input");
    let output_name = plain.writer.unique("logits");
    let mut values: Vec<String> = Vec::new();
    for (id, n) in graph.ids().zip(graph.nodes()) {
        positive(&n.name, &n.shape)?;
        let name = if id == input {
            input_name.clone()
        } else if id == output {
            output_name.clone()
        } else {
            plain.writer.unique(&n.name)
        };
        let x = |k: usize| values[n.inputs[k].index()].as_str();
        match &n.op {
            Op::Input(_) => {}
            Op::Constant(exact) => plain.constant(&name, exact, &n.shape)?,
            Op::Linear(map) => plain.linear(&**map, x(0), &name),
            Op::Pointwise(f) => {
                let nodes = plain.writer.plain_function(&**f, x(0), &name)?;
                plain.nodes.extend(nodes);
            }
            Op::Combine(coefficients) => {
                let operands: Vec<&str> = (0..n.inputs.len()).map(x).collect();
                plain.combine(coefficients, &operands, &name)?;
            }
            Op::Product(p) => {
                plain.push(product(p), &name, &[x(0), x(1)]);
            }
        }
        values.push(name);
    }
    if output == input {
        plain.push("Identity", &output_name, &[&input_name]);
    }
    plain.writer.finish(GraphProto {
        node: plain.nodes,
        name: "unrolled".into(),
        input: vec![value_info(&input_name, graph.input_shape(0))],
        output: vec![value_info(&output_name, graph.output_shape())],
        ..GraphProto::default()
    })
}

#[derive(Default)]
struct Plain {
    writer: Writer,
    nodes: Vec<NodeProto>,
}

/// The nearest binary32 number.
fn nearest(name: &str, exact: &Rational) -> Result<f32, Error> {
    let value = rug::Float::with_val(24, exact).to_f32();
    if !value.is_finite() {
        return Err(Error::Attribute {
            node: name.into(),
            attribute: "coefficient".into(),
            found: exact.to_string(),
            expected: "a number in the range of binary32",
        });
    }
    Ok(value)
}

impl Plain {
    fn push(&mut self, operator: &str, name: &str, inputs: &[&str]) {
        let inputs = inputs.iter().map(|s| s.to_string()).collect();
        self.nodes.push(node("", operator, name, inputs, vec![]));
    }

    fn constant(&mut self, name: &str, exact: &[Rational], shape: &Shape) -> Result<(), Error> {
        let values: Result<Vec<f32>, Error> = exact.iter().map(|v| nearest(name, v)).collect();
        // A batch of one, which later operators repeat.
        let dims = [&[1], shape.dims()].concat();
        let stored = tensor::floats(name, &dims, &values?);
        self.writer.initializers.push(stored);
        Ok(())
    }

    /// An initializer of one number repeated to extents `dims`.
    fn number(&mut self, value: f32, dims: &[usize]) -> String {
        let len = dims.iter().product();
        let key = (value.to_bits(), dims.to_vec());
        if let Some(name) = self.writer.numbers.get(&key) {
            return name.clone();
        }
        let name = self.writer.unique(&format!("{value:?}"));
        let stored = tensor::floats(&name, dims, &vec![value; len]);
        self.writer.initializers.push(stored);
        self.writer.numbers.insert(key, name.clone());
        name
    }

    /// `Σ c_k x_k`, added in order.
    fn combine(&mut self, c: &[Rational], xs: &[&str], name: &str) -> Result<(), Error> {
        let mut sum: Option<String> = None;
        for (k, (c, x)) in c.iter().zip(xs).enumerate() {
            let last = k + 1 == xs.len();
            let subtract = sum.is_some() && *c == -1;
            let mut term = x.to_string();
            if *c != 1 && !subtract {
                let factor = self.number(nearest(name, c)?, &[]);
                let product = if last && sum.is_none() {
                    name.to_string()
                } else {
                    self.writer.unique(&format!("{name}/term{k}"))
                };
                self.push("Mul", &product, &[x, &factor]);
                term = product;
            }
            sum = Some(match sum {
                None => term,
                Some(so_far) => {
                    let next = if last {
                        name.to_string()
                    } else {
                        self.writer.unique(&format!("{name}/sum{k}"))
                    };
                    let operator = if subtract { "Sub" } else { "Add" };
                    self.push(operator, &next, &[&so_far, &term]);
                    next
                }
            });
        }
        if let Some(value) = sum.filter(|value| value != name) {
            self.push("Identity", name, &[&value]);
        }
        Ok(())
    }

    fn linear(&mut self, map: &dyn LinearMap, x: &str, name: &str) {
        if let Some(proto) = self.writer.standard_map(map, x, name) {
            self.nodes.push(proto);
            return;
        }
        match map.kernel() {
            LinearKernel::Diagonal { scale, bias, .. } => {
                self.diagonal(scale, bias, map.output(), x, name);
            }
            LinearKernel::SumPool { geometry } => {
                let ones = [geometry.channels, 1, geometry.kernel[0], geometry.kernel[1]];
                let ones = self.number(1.0, &ones);
                let mut attributes = window(geometry);
                attributes.push(int("group", geometry.groups as i64));
                let inputs = vec![x.to_string(), ones];
                self.nodes.push(node("", "Conv", name, inputs, attributes));
            }
            LinearKernel::Gather { index } => self.gather(map, index, x, name),
            LinearKernel::Dense { .. }
            | LinearKernel::Conv2d { .. }
            | LinearKernel::ConvTranspose { .. }
            | LinearKernel::Reshape => {}
        }
    }

    /// `Mul` and `Add`, each left out where it does nothing.
    fn diagonal(&mut self, scale: &Param, bias: &Param, shape: &Shape, x: &str, name: &str) {
        let mut dims = vec![1; shape.dims().len().max(1)];
        dims[0] = scale.data().len();
        let scaled = scale.data().iter().any(|&s| s != 1.0);
        let shifted = bias.data().iter().any(|&b| b != 0.0);
        let mut value = x.to_string();
        if scaled {
            let scale = self.writer.param(scale, &dims);
            let product = if shifted {
                self.writer.unique(&format!("{name}/scaled"))
            } else {
                name.to_string()
            };
            self.push("Mul", &product, &[&value, &scale]);
            value = product;
        }
        if shifted {
            let bias = self.writer.param(bias, &dims);
            self.push("Add", name, &[&value, &bias]);
        } else if !scaled {
            self.push("Identity", name, &[&value]);
        }
    }

    /// On flat samples: `Pad` where the operand is placed whole among zeros,
    /// else `Gather` and a mask.
    fn gather(&mut self, map: &dyn LinearMap, index: &[Option<u32>], x: &str, name: &str) {
        let (from, to) = (map.input(), map.output());
        let mut value = x.to_string();
        if from.dims().len() != 1 {
            let flat = self.writer.unique(&format!("{name}/flat"));
            let extents = self.writer.list(&format!("{flat}/extents"), vec![0, -1]);
            self.push("Reshape", &flat, &[&value, &extents]);
            value = flat;
        }
        let shaped = to.dims().len() != 1;
        let last = if shaped {
            self.writer.unique(&format!("{name}/chosen"))
        } else {
            name.to_string()
        };
        if let Some(before) = placed(index, from.len()) {
            let after = index.len() - before - from.len();
            let pads = vec![0, before as i64, 0, after as i64];
            let pads = self.writer.list(&format!("{name}/pads"), pads);
            self.push("Pad", &last, &[&value, &pads]);
        } else {
            let masked = index.iter().any(Option::is_none);
            let chosen = if masked {
                self.writer.unique(&format!("{name}/unmasked"))
            } else {
                last.clone()
            };
            let list = index.iter().map(|i| i.map_or(0, i64::from)).collect();
            let list = self.writer.list(&format!("{name}/index"), list);
            let inputs = vec![value, list];
            let axis = vec![int("axis", 1)];
            self.nodes.push(node("", "Gather", &chosen, inputs, axis));
            if masked {
                let mask: Vec<f32> = index
                    .iter()
                    .map(|i| f32::from(u8::from(i.is_some())))
                    .collect();
                let stored = self.writer.unique(&format!("{name}/mask"));
                self.writer
                    .initializers
                    .push(tensor::floats(&stored, &[mask.len()], &mask));
                self.push("Mul", &last, &[&chosen, &stored]);
            }
        }
        if shaped {
            let extents = self.writer.list(&format!("{name}/extents"), target(to));
            self.push("Reshape", name, &[&last, &extents]);
        }
    }
}

/// The offset at which a whole operand of `len` elements stands among zeros.
fn placed(index: &[Option<u32>], len: usize) -> Option<usize> {
    let before = index.iter().take_while(|i| i.is_none()).count();
    let whole = index.len() > len
        && index.len() - before >= len
        && index[before..before + len]
            .iter()
            .zip(0..)
            .all(|(&i, k)| i == Some(k))
        && index[before + len..].iter().all(Option::is_none);
    whole.then_some(before)
}
