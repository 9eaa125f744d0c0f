//! Reading a model: the interface of the graph, its values, and one file per
//! family of operators.

mod arithmetic;
mod build;
mod dense;
mod exact;
mod extremum;
mod fold;
mod index;
mod interface;
mod matrix;
mod metadata;
mod normalise;
mod ode;
mod pointwise;
mod reduce;
mod resample;
mod shape;
mod value;
mod window;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use prost::Message;
use prost::bytes::Bytes;

use super::messages::{FunctionProto, GraphProto, ModelProto};
use super::node::Node;
use super::tensor::Data;
use super::{DOMAIN, DOMAIN_VERSION, Error, limits};
use crate::exact::Rational;
use crate::graph::Rewritten;
use crate::network::{Network, NetworkNode};
use crate::ops::{
    Abs, Cos, Erf, Exp, Floor, Gelu, HardSwish, Log, Param, Reciprocal, Rsqrt, Sigmoid, Sign, Silu,
    Sin, Softplus, Sqrt, Step, Tanh,
};
use extremum::Extremum;
use fold::Binary;
use interface::{checked, extents, opset, prune, show};
use reduce::Reduction;
use value::{Constant, Source, Value, Variable};

/// Operators with outputs that are of no use in inference: they may be named,
/// but not used.
const SIDE_OUTPUTS: [&str; 4] = [
    "BatchNormalization",
    "Dropout",
    "LayerNormalization",
    "MaxPool",
];

/// Reads a model file's bytes (not compressed).
///
/// Memory stays within a fixed multiple of the length of `bytes` plus a fixed
/// amount, whatever the bytes are.
///
/// # Errors
/// [`Error`] names the node, attribute, tensor or value that cannot be read.
pub fn read_model(bytes: Vec<u8>) -> Result<Network, Error> {
    limits::check(&bytes)?;
    let model = ModelProto::decode(Bytes::from(bytes))?;
    let Some(graph) = &model.graph else {
        return Err(Error::Model {
            what: "model".into(),
            found: "no graph".into(),
            expected: "a graph",
        });
    };
    let redefined = |f: &&FunctionProto| ["", "ai.onnx", DOMAIN].contains(&f.domain.as_str());
    if let Some(f) = model.functions.iter().find(redefined) {
        return Err(Error::Model {
            what: format!("function {}", f.name),
            found: format!("domain {:?}", f.domain),
            expected: "no function in the domain of an operator that is read",
        });
    }
    let mut shared = Shared {
        opset: opset(&model.opset_import)?,
        batch: Batch::One,
        params: HashMap::new(),
        kernels: HashMap::new(),
        names: HashSet::new(),
        constants: 0,
        made: 0,
        rewritten: Vec::new(),
    };
    let mut reader = GraphReader::new(&mut shared, None);
    reader.initializers(graph)?;
    let inputs = reader.inputs(graph);
    let [input] = inputs[..] else {
        return Err(Error::Model {
            what: "graph".into(),
            found: format!("{} inputs", inputs.len()),
            expected: "one input",
        });
    };
    reader.model_input(input)?;
    let output = reader.run(graph)?;
    let (nodes, output) = prune(reader.nodes, output.node);
    Ok(Network {
        name: graph.name.clone(),
        nodes,
        output,
        rewritten: shared.rewritten,
    })
}

/// What the file says of the batch axis.
#[derive(Clone, Copy, PartialEq)]
enum Batch {
    /// one sample; the axis may be moved and merged with others
    One,
    /// any number of samples; the axis stays in front
    Any,
}

/// The state common to the graph and the fields of its ODE blocks.
struct Shared {
    opset: i64,
    batch: Batch,
    /// by constant, transposition and extents, so that two uses share a tensor
    params: HashMap<(usize, bool, Vec<usize>), Param>,
    /// by the name of the matrix that is used as a convolution
    kernels: HashMap<String, Param>,
    names: HashSet<String>,
    constants: usize,
    /// elements of index lists and constants made so far
    made: usize,
    /// operators whose execution the nodes do not describe
    rewritten: Vec<Rewritten>,
}

struct GraphReader<'m, 'r> {
    shared: &'r mut Shared,
    values: HashMap<&'m str, Value<'m>>,
    /// the values of the enclosing graph, in a field
    outer: Option<&'r HashMap<&'m str, Value<'m>>>,
    nodes: Vec<NetworkNode>,
    /// index maps and views that one behind them may take up
    merging: HashSet<usize>,
    /// matrix products of several rows, by their last node: what they were
    /// made of, for a bias that follows
    rows: HashMap<usize, (Variable, Param)>,
}

impl<'m, 'r> GraphReader<'m, 'r> {
    fn new(
        shared: &'r mut Shared,
        outer: Option<&'r HashMap<&'m str, Value<'m>>>,
    ) -> GraphReader<'m, 'r> {
        GraphReader {
            shared,
            values: HashMap::new(),
            outer,
            nodes: Vec::new(),
            merging: HashSet::new(),
            rows: HashMap::new(),
        }
    }

    fn define(&mut self, name: &'m str, value: Value<'m>) -> Result<(), Error> {
        if self.values.insert(name, value).is_some() {
            return Err(Error::Duplicate { value: name.into() });
        }
        Ok(())
    }

    fn new_constant(&mut self, name: &str, source: Source<'m>) -> Value<'m> {
        self.shared.constants += 1;
        Value::Constant(Constant {
            id: self.shared.constants,
            name: name.into(),
            source,
        })
    }

    fn initializers(&mut self, graph: &'m GraphProto) -> Result<(), Error> {
        for t in &graph.initializer {
            let value = self.new_constant(&t.name, Source::Stored(t));
            self.define(&t.name, value)?;
        }
        Ok(())
    }

    /// Reads every node and returns the graph's one output.
    fn run(&mut self, graph: &'m GraphProto) -> Result<Variable, Error> {
        for (position, proto) in graph.node.iter().enumerate() {
            let node = Node::new(proto, position);
            let values = self.read(&node)?;
            let used = proto.output.iter().filter(|o| !o.is_empty()).count();
            if used > values.len() && !SIDE_OUTPUTS.contains(&proto.op_type.as_str()) {
                let expected = "as many outputs as the operator has";
                return Err(node.operand("outputs", used, expected));
            }
            if proto.output.first().is_none_or(String::is_empty) {
                return Err(node.operand("output 0", "no name", "a first output"));
            }
            for (name, value) in proto.output.iter().zip(values) {
                if !name.is_empty() {
                    self.define(name, value)?;
                }
            }
        }
        let [output] = &graph.output[..] else {
            return Err(Error::Model {
                what: format!("graph {}", graph.name),
                found: format!("{} outputs", graph.output.len()),
                expected: "one output",
            });
        };
        match self.values.get(output.name.as_str()) {
            Some(Value::Variable(v)) => Ok(v.clone()),
            Some(Value::Constant(_)) => Err(Error::Model {
                what: format!("output {}", output.name),
                found: "a constant".into(),
                expected: "a computed value",
            }),
            None => Err(Error::Undefined {
                node: "output".into(),
                value: output.name.clone(),
            }),
        }
    }

    /// The outputs of a node, in order.
    fn read(&mut self, n: &Node<'m>) -> Result<Vec<Value<'m>>, Error> {
        let domain = match n.proto.domain.as_str() {
            "ai.onnx" => "",
            other => other,
        };
        let operator = n.proto.op_type.as_str();
        if domain == DOMAIN {
            let value = match operator {
                "OdeBlock" => self.ode_block(n),
                "Combine" => self.combine_exact(n),
                "Diagonal" => self.diagonal_exact(n),
                "SumPool" => self.sum_pool(n),
                "Gather" => self.gather_exact(n),
                "Constant" => self.constant_exact(n),
                "Gelu" => self.function(n, &[], Arc::new(Gelu), None),
                "HardSwish" => self.function(n, &[], Arc::new(HardSwish), None),
                "Rsqrt" => self.function(n, &[], Arc::new(Rsqrt), None),
                "Silu" => self.function(n, &[], Arc::new(Silu), None),
                "Step" => self.function(n, &[], Arc::new(Step), None),
                _ => Err(self.unsupported(n, "")),
            };
            return value.map(|value| vec![value]);
        }
        if !domain.is_empty() {
            return Err(self.unsupported(n, ""));
        }
        if operator == "Split" {
            return self.split(n);
        }
        self.read_one(n, operator).map(|value| vec![value])
    }

    /// An operator of the default domain with one output.
    fn read_one(&mut self, n: &Node<'m>, operator: &str) -> Result<Value<'m>, Error> {
        match operator {
            "Gemm" => self.gemm(n),
            "MatMul" => self.mat_mul(n),
            "Conv" => self.conv(n),
            "ConvTranspose" => self.conv_transpose(n),
            "BatchNormalization" => self.batch_normalization(n),
            "LayerNormalization" => self.layer_normalization(n),
            "Softmax" => self.softmax(n, false),
            "LogSoftmax" => self.softmax(n, true),
            "AveragePool" => self.average_pool(n),
            "MaxPool" => self.max_pool(n),
            "GlobalAveragePool" => self.global_pool(n, Reduction::Mean),
            "GlobalMaxPool" => self.global_pool(n, Reduction::Extremum(Extremum::Max)),
            "ReduceMean" => self.reduce(n, Reduction::Mean),
            "ReduceSum" => self.reduce(n, Reduction::Sum),
            "ReduceProd" => self.reduce(n, Reduction::Product),
            "ReduceMax" => self.reduce(n, Reduction::Extremum(Extremum::Max)),
            "ReduceMin" => self.reduce(n, Reduction::Extremum(Extremum::Min)),
            "Max" => self.extremum(n, Extremum::Max),
            "Min" => self.extremum(n, Extremum::Min),
            "Sum" => self.sum(n),
            "Neg" => self.negate(n),
            "Relu" => self.relu(n),
            "LeakyRelu" => self.leaky_relu(n),
            "Clip" => self.clip(n),
            "Elu" => self.elu(n),
            "HardSigmoid" => self.hard_sigmoid(n),
            "Gelu" => self.gelu(n),
            "Pow" => self.power(n),
            "Abs" => self.function(n, &[], Arc::new(Abs), Some(&Rational::abs)),
            "Ceil" => self.ceil(n),
            "PRelu" => self.prelu(n),
            "Floor" => self.function(n, &[], Arc::new(Floor), Some(&Rational::floor)),
            "Sign" => self.function(n, &[], Arc::new(Sign), Some(&Rational::signum)),
            "Tanh" => self.function(n, &[], Arc::new(Tanh), None),
            "Sigmoid" => self.function(n, &[], Arc::new(Sigmoid), None),
            "Softplus" => self.function(n, &[], Arc::new(Softplus), None),
            "Exp" => self.function(n, &[], Arc::new(Exp), None),
            "Log" => self.function(n, &[], Arc::new(Log), None),
            "Sqrt" => self.function(n, &[], Arc::new(Sqrt), None),
            "Sin" => self.function(n, &[], Arc::new(Sin), None),
            "Cos" => self.function(n, &[], Arc::new(Cos), None),
            "Erf" => self.function(n, &[], Arc::new(Erf), None),
            "HardSwish" => self.function(n, &[], Arc::new(HardSwish), None),
            "Reciprocal" => self.function(n, &[], Arc::new(Reciprocal), None),
            "Flatten" => self.flatten(n),
            "Reshape" => self.reshape(n),
            "Squeeze" => self.squeeze(n),
            "Unsqueeze" => self.unsqueeze(n),
            "Transpose" => self.transpose(n),
            "Concat" => self.concat(n),
            "Slice" => self.slice(n),
            "Gather" => self.gather(n),
            "Expand" => self.expand_to(n),
            "Tile" => self.tile(n),
            "Pad" => self.pad(n),
            "Upsample" => self.upsample(n),
            "Resize" => self.resize(n),
            "Shape" => self.shape_of(n),
            "Size" => self.size_of(n),
            "ConstantOfShape" => self.constant_of_shape(n),
            "Range" => self.range(n),
            "Cast" => self.cast(n),
            "Not" => self.not(n),
            "Where" => self.choice(n),
            "Identity" => {
                n.only(&[])?;
                self.value(n, 0)
            }
            "Dropout" => self.dropout(n),
            "Constant" => self.constant_node(n),
            _ => match Binary::of(operator) {
                Some(operation) => self.binary(n, operation),
                None => Err(self.unsupported(n, "")),
            },
        }
    }

    fn unsupported(&self, n: &Node<'m>, hint: &'static str) -> Error {
        let own = n.proto.domain == DOMAIN;
        Error::Operator {
            node: n.name.clone(),
            operator: n.proto.op_type.clone(),
            domain: n.proto.domain.clone(),
            opset: if own {
                DOMAIN_VERSION
            } else {
                self.shared.opset
            },
            hint,
        }
    }

    fn dropout(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["ratio", "seed"])?;
        if let Some(training) = self.integers(n, 2)?
            && training.iter().any(|&v| v != 0)
        {
            return Err(n.operand("training_mode", "true", "inference"));
        }
        self.value(n, 0)
    }
}
