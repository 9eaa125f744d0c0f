//! Weights of a network as a safetensors file: one binary32 tensor per
//! distinct weight tensor, by name.

use std::collections::HashMap;
use std::sync::Arc;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};

use super::{Layer, Network};
use crate::graph::Op;
use crate::ops::{Param, Shape, Tensor};

/// Why weights could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(#[from] SafeTensorError),
    /// Two tensors of the network have the same name.
    #[error("two tensors of the network are named {name:?}")]
    Duplicate {
        /// the name
        name: String,
    },
    /// The network has a tensor that the file has not.
    #[error("tensor {name:?} is not in the file")]
    Missing {
        /// the name
        name: String,
    },
    /// The file has a tensor that the network has not.
    #[error("tensor {name:?} is not in the network")]
    Unknown {
        /// the name
        name: String,
    },
    /// A tensor has another element type or shape than the network's.
    #[error("tensor {name:?} is {found}, expected {expected}")]
    Mismatch {
        /// the name
        name: String,
        /// its element type and shape
        found: String,
        /// the network's
        expected: String,
    },
    /// A weight is not finite.
    #[error(transparent)]
    Tensor(#[from] crate::ops::Error),
    /// The network could not be rebuilt.
    #[error(transparent)]
    Network(#[from] super::Error),
}

/// The distinct weight tensors in order of first use.
fn params(network: &Network) -> Vec<Param> {
    let mut all: Vec<Param> = Vec::new();
    for node in &network.nodes {
        match &node.layer {
            Layer::Op(Op::Linear(map)) => all.extend(map.params()),
            Layer::Op(_) => {}
            Layer::Ode(block) => {
                all.extend(block.field.graphs().iter().flat_map(|g| g.params()));
            }
        }
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|p| seen.insert(Arc::as_ptr(p)));
    all
}

/// The network's weights as the bytes of a safetensors file. Equal networks
/// give equal bytes.
///
/// # Errors
/// Two distinct tensors have the same name.
pub fn write_weights(network: &Network) -> Result<Vec<u8>, Error> {
    let params = params(network);
    let mut bytes: Vec<(&str, &Shape, Vec<u8>)> = Vec::new();
    let mut names = std::collections::HashSet::new();
    for p in &params {
        if !names.insert(p.name()) {
            return Err(Error::Duplicate {
                name: p.name().into(),
            });
        }
        let data = p.data().iter().flat_map(|v| v.to_le_bytes()).collect();
        bytes.push((p.name(), p.shape(), data));
    }
    let mut views = Vec::new();
    for (name, shape, data) in &bytes {
        let view = TensorView::new(Dtype::F32, shape.dims().to_vec(), data)?;
        views.push((*name, view));
    }
    Ok(safetensors::serialize(views, None)?)
}

/// The network with the weights of a safetensors file: the same names and
/// shapes, element type F32. Sharing is kept.
///
/// # Errors
/// [`Error`] names the tensor that is missing, unknown, or different.
pub fn read_weights(network: &Network, bytes: &[u8]) -> Result<Network, Error> {
    let file = SafeTensors::deserialize(bytes)?;
    let params = params(network);
    let mut new: HashMap<*const Tensor, Param> = HashMap::new();
    for p in &params {
        let missing = |_| Error::Missing {
            name: p.name().into(),
        };
        let view = file.tensor(p.name()).map_err(missing)?;
        if view.dtype() != Dtype::F32 || view.shape() != p.shape().dims() {
            return Err(Error::Mismatch {
                name: p.name().into(),
                found: format!("{:?} {:?}", view.dtype(), view.shape()),
                expected: format!("F32 {}", p.shape()),
            });
        }
        let words = view.data().as_chunks::<4>().0;
        let data = words.iter().map(|&w| f32::from_le_bytes(w)).collect();
        let tensor = Tensor::new(p.name(), p.shape().clone(), data)?;
        new.insert(Arc::as_ptr(p), Arc::new(tensor));
    }
    let unknown = |name: &&str| params.iter().all(|p| p.name() != *name);
    if let Some(name) = file.names().into_iter().find(unknown) {
        return Err(Error::Unknown { name: name.into() });
    }
    let replace = |p: &Param| new.get(&Arc::as_ptr(p)).unwrap_or(p).clone();
    Ok(network.map_params(&replace)?)
}
