//! Index maps: `y[o] = x[index[o]]`, zero where there is no index.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::{Error, LinearKernel, LinearMap, Param, Shape, Weights};

/// Broadcast, slice, pad, transpose, and the parts of a concat: every output
/// is one input element or zero.
#[derive(Clone, Debug)]
pub struct Gather {
    index: Arc<[Option<u32>]>,
    input: Shape,
    output: Shape,
    adjoint_chain: usize,
}

impl Gather {
    /// The map with one entry of `index` per output element.
    pub fn new(input: Shape, output: Shape, index: Vec<Option<u32>>) -> Result<Gather, Error> {
        if index.len() != output.len() {
            return Err(Error::Shape {
                operator: "gather",
                what: "index".into(),
                found: Shape::new(&[index.len()]),
                expected: format!("[{}]", output.len()),
            });
        }
        let mut uses = vec![0usize; input.len()];
        for i in index.iter().flatten() {
            let Some(n) = uses.get_mut(*i as usize) else {
                return Err(Error::Attribute {
                    operator: "gather",
                    attribute: "index",
                    value: i.to_string(),
                    expected: "less than the number of inputs",
                });
            };
            *n += 1;
        }
        Ok(Gather {
            index: index.into(),
            input,
            output,
            adjoint_chain: uses.into_iter().max().unwrap_or(0),
        })
    }

    /// The part of a concatenation along the flat axis: `x` placed at `offset`
    /// of an otherwise zero tensor. Shapes are row-major, concatenation along
    /// the first axis.
    pub fn place(input: Shape, output: Shape, offset: usize) -> Result<Gather, Error> {
        let n = input.len();
        let index = (0..output.len())
            .map(|o| o.checked_sub(offset).filter(|&i| i < n).map(|i| i as u32))
            .collect();
        Gather::new(input, output, index)
    }
}

impl LinearMap for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn input(&self) -> &Shape {
        &self.input
    }
    fn output(&self) -> &Shape {
        &self.output
    }
    fn row(&self, out: usize, visit: &mut dyn FnMut(usize, f32)) {
        if let Some(i) = self.index[out] {
            visit(i as usize, 1.0);
        }
    }
    fn bias(&self, _out: usize) -> f32 {
        0.0
    }
    fn chain(&self) -> usize {
        1
    }
    fn adjoint_chain(&self) -> usize {
        self.adjoint_chain
    }
    fn unit_coefficients(&self) -> bool {
        true
    }
    fn apply(&self, x: ArrayView2<'_, f64>, _weights: Weights) -> Array2<f64> {
        assert_eq!(x.ncols(), self.input.len(), "elements of a sample");
        let x = x.as_standard_layout();
        let mut y = Array2::zeros((x.nrows(), self.index.len()));
        for (x, mut y) in x.rows().into_iter().zip(y.rows_mut()) {
            let x = x.as_slice().expect("standard layout is contiguous");
            for (y, i) in y.iter_mut().zip(&*self.index) {
                *y = i.map_or(0.0, |i| x[i as usize]);
            }
        }
        y
    }
    fn adjoint(&self, y: ArrayView2<'_, f64>, _weights: Weights) -> Array2<f64> {
        assert_eq!(y.ncols(), self.index.len(), "elements of a sample");
        let mut x = Array2::zeros((y.nrows(), self.input.len()));
        for (y, mut x) in y.rows().into_iter().zip(x.rows_mut()) {
            let x = x.as_slice_mut().expect("standard layout is contiguous");
            for (&v, i) in y.iter().zip(&*self.index) {
                if let Some(i) = i {
                    x[*i as usize] += v;
                }
            }
        }
        x
    }
    fn kernel(&self) -> LinearKernel<'_> {
        LinearKernel::Gather { index: &self.index }
    }
    fn with_params(&self, _params: &[Param]) -> Result<Arc<dyn LinearMap>, Error> {
        Ok(Arc::new(self.clone()))
    }
}
