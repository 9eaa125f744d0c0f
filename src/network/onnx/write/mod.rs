//! Writing models: names, shared tensors and nodes common to both forms.

mod functions;
mod model;
mod unrolled;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use prost::Message;

use super::messages::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type,
    data_type,
};
use super::{DOMAIN, DOMAIN_VERSION, Error, tensor};
use crate::ops::{Geometry, LinearKernel, LinearMap, Param, Pattern, Product, Shape};

pub use model::write_model;
pub use unrolled::write_unrolled;

/// IR version and default operator set of written files: the oldest that hold
/// every operator written, so that most runtimes read them.
const IR_VERSION: i64 = 7;
const OPSET: i64 = 13;
/// The symbolic batch extent.
const BATCH: &str = "N";

/// A file being written.
#[derive(Default)]
struct Writer {
    names: HashSet<String>,
    initializers: Vec<TensorProto>,
    params: HashMap<(*const crate::ops::Tensor, Vec<usize>), String>,
    lists: HashMap<Vec<i64>, String>,
    numbers: HashMap<(u32, Vec<usize>), String>,
    own_domain: bool,
}

impl Writer {
    /// A value name that is not in use, `base` if possible.
    fn unique(&mut self, base: &str) -> String {
        let base = if base.is_empty() { "value" } else { base };
        let mut name = base.to_string();
        let mut k = 1;
        while !self.names.insert(name.clone()) {
            k += 1;
            name = format!("{base}#{k}");
        }
        name
    }

    /// The initializer of a weight tensor seen with extents `dims`; each
    /// tensor is written once for each of its extents.
    fn param(&mut self, param: &Param, dims: &[usize]) -> String {
        let key = (Arc::as_ptr(param), dims.to_vec());
        if let Some(name) = self.params.get(&key) {
            return name.clone();
        }
        let name = self.unique(param.name());
        self.initializers
            .push(tensor::floats(&name, dims, param.data()));
        self.params.insert(key, name.clone());
        name
    }

    /// An initializer that lists integers.
    fn list(&mut self, base: &str, values: Vec<i64>) -> String {
        if let Some(name) = self.lists.get(&values) {
            return name.clone();
        }
        let name = self.unique(base);
        self.initializers
            .push(tensor::ints(&name, &[values.len()], &values));
        self.lists.insert(values, name.clone());
        name
    }

    /// The nodes of a dense layer, convolution or pointwise function, which
    /// both forms write alike; `None` for other maps.
    fn standard_map(&mut self, map: &dyn LinearMap, x: &str, name: &str) -> Option<NodeProto> {
        match map.kernel() {
            LinearKernel::Dense { weight, bias } => {
                let mut inputs = vec![x.to_string(), self.param(weight, weight.shape().dims())];
                inputs.extend(bias.map(|b| self.param(b, b.shape().dims())));
                Some(node("", "Gemm", name, inputs, vec![int("transB", 1)]))
            }
            LinearKernel::Conv2d {
                weight,
                bias,
                geometry,
            } => {
                let mut inputs = vec![x.to_string(), self.param(weight, weight.shape().dims())];
                inputs.extend(bias.map(|b| self.param(b, b.shape().dims())));
                let mut attributes = window(geometry);
                attributes.push(int("group", geometry.groups as i64));
                Some(node("", "Conv", name, inputs, attributes))
            }
            LinearKernel::ConvTranspose {
                weight,
                bias,
                geometry,
            } => {
                let mut inputs = vec![x.to_string(), self.param(weight, weight.shape().dims())];
                inputs.extend(bias.map(|b| self.param(b, b.shape().dims())));
                let mut attributes = window(geometry);
                attributes.push(int("group", geometry.groups as i64));
                attributes.push(ints("output_padding", &geometry.output_padding()));
                Some(node("", "ConvTranspose", name, inputs, attributes))
            }
            LinearKernel::Reshape => {
                let shape = self.list(&format!("{name}/extents"), target(map.output()));
                Some(node("", "Reshape", name, vec![x.into(), shape], vec![]))
            }
            LinearKernel::Diagonal { .. }
            | LinearKernel::SumPool { .. }
            | LinearKernel::Gather { .. } => None,
        }
    }

    /// The finished file. Equal networks give equal bytes.
    fn finish(self, graph: GraphProto) -> Result<Vec<u8>, Error> {
        let mut opset_import = vec![OperatorSetIdProto {
            domain: String::new(),
            version: OPSET,
        }];
        if self.own_domain {
            opset_import.push(OperatorSetIdProto {
                domain: DOMAIN.into(),
                version: DOMAIN_VERSION,
            });
        }
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: "dahlquist".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(GraphProto {
                initializer: self.initializers,
                ..graph
            }),
            opset_import,
            functions: Vec::new(),
        };
        // Protocol buffers count lengths in 31 bits.
        let (found, limit) = (model.encoded_len() as u64, (1 << 31) - 1);
        if found > limit {
            return Err(Error::TooLarge {
                what: "bytes of the model",
                found,
                limit,
            });
        }
        Ok(model.encode_to_vec())
    }
}

/// The operator of a product; a leading batch axis changes nothing.
fn product(p: &Product) -> &'static str {
    match p.pattern() {
        Pattern::Elementwise => "Mul",
        Pattern::MatMul { .. } => "MatMul",
    }
}

/// The target of a `Reshape` that keeps the batch axis.
fn target(sample: &Shape) -> Vec<i64> {
    let sample = sample.dims().iter().map(|&d| d as i64);
    std::iter::once(0).chain(sample).collect()
}

/// Errors on extents that a file cannot hold.
fn positive(name: &str, shape: &Shape) -> Result<(), Error> {
    if shape.dims().contains(&0) {
        return Err(Error::Model {
            what: format!("value {name}"),
            found: format!("extents {shape}"),
            expected: "positive extents",
        });
    }
    Ok(())
}

fn node(
    domain: &str,
    operator: &str,
    name: &str,
    input: Vec<String>,
    attribute: Vec<AttributeProto>,
) -> NodeProto {
    NodeProto {
        input,
        output: vec![name.into()],
        name: name.into(),
        op_type: operator.into(),
        attribute,
        domain: domain.into(),
    }
}

fn value_info(name: &str, sample: &Shape) -> ValueInfoProto {
    let batch = DimensionProto {
        dim_param: Some(BATCH.into()),
        dim_value: None,
    };
    let rest = sample.dims().iter().map(|&d| DimensionProto {
        dim_value: Some(d as i64),
        dim_param: None,
    });
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: data_type::FLOAT,
                shape: Some(TensorShapeProto {
                    dim: std::iter::once(batch).chain(rest).collect(),
                }),
            }),
        }),
    }
}

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: kind,
        ..AttributeProto::default()
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..attribute(name, attribute_type::INT)
    }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..attribute(name, attribute_type::FLOAT)
    }
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        ints: values.iter().map(|&v| v as i64).collect(),
        ..attribute(name, attribute_type::INTS)
    }
}

fn string(name: &str, value: impl ToString) -> AttributeProto {
    AttributeProto {
        s: Some(value.to_string().into()),
        ..attribute(name, attribute_type::STRING)
    }
}

fn strings<T: ToString>(name: &str, values: &[T]) -> AttributeProto {
    AttributeProto {
        strings: values.iter().map(|v| v.to_string().into()).collect(),
        ..attribute(name, attribute_type::STRINGS)
    }
}

fn window(g: &Geometry) -> Vec<AttributeProto> {
    vec![
        ints("kernel_shape", &g.kernel),
        ints("strides", &g.stride),
        ints("pads", &g.padding),
        ints("dilations", &g.dilation),
    ]
}
