//! Random networks of every operator, and ODE blocks of every kind of method.

use std::sync::Arc;

use dahlquist::exact::Rational;
use dahlquist::graph::{Graph, GraphBuilder, NodeId, Op};
use dahlquist::network::{Layer, Network, NetworkNode, OdeBlock};
use dahlquist::ode::{Field, Method, Multistep, Tableau, registry};
use dahlquist::ops::{
    Conv2d, Dense, Diagonal, Gather, Geometry, LinearMap, Param, Pointwise, Reshape, Shape,
    SumPool, Tensor, activation_registry,
};

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// Between -1 and 1, exact in binary32.
    pub fn real(&mut self) -> f32 {
        self.below(1 << 24) as f32 / 8_388_608.0 - 1.0
    }

    fn rational(&mut self) -> Rational {
        Rational::from((self.below(15) as i64 - 7, self.below(7) as u64 + 1))
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// Builds weights with names that are unique in the network, some shared.
struct Weights {
    random: Random,
    made: Vec<Param>,
}

impl Weights {
    fn tensor(&mut self, dims: &[usize], scale: f32) -> Param {
        let shape = Shape::new(dims);
        if self.random.below(4) == 0
            && let Some(p) = self.made.iter().find(|p| *p.shape() == shape)
        {
            return p.clone();
        }
        let data = (0..shape.len())
            .map(|_| self.random.real() * scale)
            .collect();
        let name = format!("w{}", self.made.len());
        let p = Arc::new(Tensor::new(name, shape, data).expect("finite"));
        self.made.push(p.clone());
        p
    }

    fn dense(&mut self, inp: usize, out: usize) -> Arc<dyn LinearMap> {
        let scale = 1.5 / (inp as f32).sqrt();
        let w = self.tensor(&[out, inp], scale);
        let b = self.random.flip().then(|| self.tensor(&[out], 0.5));
        Arc::new(Dense::new(w, b).expect("consistent"))
    }

    fn conv(&mut self, shape: &[usize], out: usize, keep: bool) -> Option<Arc<dyn LinearMap>> {
        let groups = if shape[0].is_multiple_of(2) && out.is_multiple_of(2) && self.random.flip() {
            2
        } else {
            1
        };
        let (kernel, stride, padding, dilation) = if keep {
            ([3, 3], [1, 1], [1; 4], [1, 1])
        } else {
            let mut pick = |n| self.random.below(n);
            (
                [pick(3) + 1, pick(3) + 1],
                [pick(2) + 1, pick(2) + 1],
                [pick(3), pick(2), pick(2), pick(3)],
                [pick(2) + 1, pick(2) + 1],
            )
        };
        let input = [shape[1], shape[2]];
        let g = Geometry::new(
            "conv", shape[0], input, out, kernel, stride, padding, dilation, groups,
        )
        .ok()?;
        let fan = shape[0] / groups * kernel[0] * kernel[1];
        let dims = [out, shape[0] / groups, kernel[0], kernel[1]];
        let w = self.tensor(&dims, 1.5 / (fan as f32).sqrt());
        let b = self.random.flip().then(|| self.tensor(&[out], 0.5));
        Some(Arc::new(Conv2d::new(w, b, g).expect("consistent")))
    }

    fn pool(&mut self, shape: &[usize]) -> Option<Arc<dyn LinearMap>> {
        let mut pick = |n| self.random.below(n);
        let kernel = [pick(3) + 1, pick(3) + 1];
        let stride = [pick(2) + 1, pick(2) + 1];
        let padding = [pick(2), pick(2), pick(2), pick(2)];
        let (c, input) = (shape[0], [shape[1], shape[2]]);
        let g = Geometry::new("pool", c, input, c, kernel, stride, padding, [1, 1], c).ok()?;
        Some(Arc::new(SumPool::new(g).expect("consistent")))
    }

    fn diagonal(&mut self, shape: &Shape) -> Arc<dyn LinearMap> {
        let channels = shape.dims().first().copied().unwrap_or(1);
        let (s, b) = (self.tensor(&[channels], 1.0), self.tensor(&[channels], 0.5));
        let uncertainty = [0.0, 1.0 / 8_388_608.0][self.random.below(2)];
        Arc::new(Diagonal::new(s, b, shape.clone(), uncertainty).expect("consistent"))
    }

    fn gather(&mut self, shape: &Shape) -> Arc<dyn LinearMap> {
        let n = shape.len();
        if self.random.flip() {
            let extra = self.random.below(3);
            let offset = self.random.below(extra + 1);
            let to = Shape::new(&[n + extra]);
            return Arc::new(Gather::place(shape.clone(), to, offset).expect("consistent"));
        }
        let dims = [self.random.below(3) + 1, self.random.below(3) + 1];
        let index = (0..dims[0] * dims[1])
            .map(|_| (self.random.below(4) > 0).then(|| self.random.below(n) as u32))
            .collect();
        Arc::new(Gather::new(shape.clone(), Shape::new(&dims), index).expect("consistent"))
    }

    fn reshape(&mut self, shape: &Shape) -> Arc<dyn LinearMap> {
        let n = shape.len();
        let to = match self.random.below(4) {
            0 if n.is_multiple_of(2) => vec![2, n / 2],
            1 if n.is_multiple_of(4) => vec![n / 4, 2, 2],
            2 if n == 1 => vec![],
            _ => vec![n],
        };
        Arc::new(Reshape::new(shape.clone(), Shape::new(&to)).expect("consistent"))
    }

    fn pointwise(&mut self) -> Arc<dyn Pointwise> {
        let all = activation_registry();
        all[self.random.below(all.len())].clone()
    }

    /// A field on `shape`, of `(t, z)` for rank 1 half of the time.
    fn field(&mut self, shape: &Shape) -> Graph {
        let mut b = GraphBuilder::new();
        let time = self.random.flip();
        let t = time.then(|| b.input("t", Shape::new(&[1])));
        let z = b.input("z", shape.clone());
        let mut x: NodeId = z;
        let dims = shape.dims();
        match dims.len() {
            3 => {
                let map = self.conv(dims, dims[0], true).expect("same extents fit");
                x = b.linear("conv", map, x).expect("consistent");
            }
            1 => {
                let n = dims[0];
                let mut width = n;
                if let Some(t) = t {
                    width += 1;
                    let to = Shape::new(&[width]);
                    let z = Gather::place(shape.clone(), to.clone(), 0).expect("fits");
                    let t_map = Gather::place(Shape::new(&[1]), to, n).expect("fits");
                    let z = b.linear("z/placed", Arc::new(z), x).expect("consistent");
                    let t = b
                        .linear("t/placed", Arc::new(t_map), t)
                        .expect("consistent");
                    let one = Rational::from(1);
                    x = b
                        .combine("t, z", &[(one.clone(), z), (one, t)])
                        .expect("consistent");
                }
                let map = self.dense(width, n);
                x = b.linear("dense", map, x).expect("consistent");
            }
            _ => {
                let map = self.diagonal(shape);
                x = b.linear("diagonal", map, x).expect("consistent");
            }
        }
        let f = self.pointwise();
        x = b.pointwise("activation", f, x).expect("consistent");
        b.finish(x).expect("consistent")
    }

    fn method(&mut self) -> Method {
        let q = |n: i64, d: u64| Rational::from((n, d));
        let heun = || {
            Tableau::new(
                "heun",
                vec![vec![], vec![q(1, 1)]],
                vec![q(1, 2), q(1, 2)],
                vec![q(0, 1), q(1, 1)],
            )
            .expect("consistent")
        };
        match self.random.below(4) {
            0 => Method::RungeKutta(heun()),
            1 => {
                let alpha = vec![q(-1, 5), q(-4, 5), q(1, 1)];
                let beta = vec![q(1, 7), q(37, 35), q(0, 1)];
                Method::Multistep(Multistep::new("own", alpha, beta, heun()).expect("consistent"))
            }
            _ => {
                let all = registry();
                all[self.random.below(all.len())].clone()
            }
        }
    }

    fn block(&mut self, shape: &Shape) -> OdeBlock {
        let method = self.method();
        let least = match &method {
            Method::RungeKutta(_) => 1,
            Method::Multistep(m) => m.k(),
        };
        let steps = least + self.random.below(3);
        let field = if self.random.flip() {
            Field::Shared(self.field(shape))
        } else {
            Field::PerStep((0..steps).map(|_| self.field(shape)).collect())
        };
        let t0 = self.random.rational() / 8u32;
        let t1 = Rational::from(&t0 + 1u32);
        OdeBlock {
            field,
            method,
            steps,
            t0,
            t1,
        }
    }
}

/// A network of up to a dozen random nodes whose output depends on its input.
pub fn network(seed: u64) -> Network {
    let mut w = Weights {
        random: Random(seed),
        made: Vec::new(),
    };
    let shape = match w.random.below(4) {
        0 => vec![2, 4, 4],
        1 => vec![1, 5, 3],
        _ => vec![w.random.below(6) + 1],
    };
    let mut nodes = vec![NetworkNode {
        name: "x".into(),
        layer: Layer::Op(Op::Input(0)),
        inputs: vec![],
        shape: Some(Shape::new(&shape)),
    }];
    let mut values = vec![(0, Shape::new(&shape))];
    for k in 0..w.random.below(10) + 2 {
        let (x, shape) = values[values.len() - 1].clone();
        let dims = shape.dims().to_vec();
        let linear = |map: Arc<dyn LinearMap>| {
            let to = map.output().clone();
            (Layer::Op(Op::Linear(map)), vec![x], to)
        };
        let (layer, inputs, to) = match w.random.below(9) {
            0 => linear(w.diagonal(&shape)),
            1 => linear(w.gather(&shape)),
            2 => linear(w.reshape(&shape)),
            3 | 4 if dims.len() == 1 => {
                let out = w.random.below(5) + 1;
                linear(w.dense(dims[0], out))
            }
            3 | 4 if dims.len() == 3 => {
                let out = w.random.below(3) + 1;
                let map = if w.random.flip() {
                    w.conv(&dims, out, false)
                } else {
                    w.pool(&dims)
                };
                let Some(map) = map else { continue };
                linear(map)
            }
            5 => {
                let same: Vec<usize> = values
                    .iter()
                    .filter(|(_, s)| *s == shape)
                    .map(|(i, _)| *i)
                    .collect();
                let mut inputs = vec![x];
                let mut c = vec![Rational::from((3, 7))];
                for _ in 0..w.random.below(3) {
                    inputs.push(same[w.random.below(same.len())]);
                    c.push([w.random.rational(), Rational::from(-1)][w.random.below(2)].clone());
                }
                if w.random.flip() {
                    c = vec![Rational::from(1); c.len()];
                }
                (Layer::Op(Op::Combine(c)), inputs, shape.clone())
            }
            6 => {
                let values: Vec<Rational> = (0..shape.len()).map(|_| w.random.rational()).collect();
                nodes.push(NetworkNode {
                    name: format!("constant{k}"),
                    layer: Layer::Op(Op::Constant(values.into())),
                    inputs: vec![],
                    shape: Some(shape.clone()),
                });
                let c = vec![Rational::from(1), Rational::from((1, 3))];
                let inputs = vec![x, nodes.len() - 1];
                (Layer::Op(Op::Combine(c)), inputs, shape.clone())
            }
            7 => {
                let block = w.block(&shape);
                (Layer::Ode(Box::new(block)), vec![x], shape.clone())
            }
            _ => (
                Layer::Op(Op::Pointwise(w.pointwise())),
                vec![x],
                shape.clone(),
            ),
        };
        nodes.push(NetworkNode {
            name: format!("n{k}"),
            layer,
            inputs,
            shape: None,
        });
        values.push((nodes.len() - 1, to));
    }
    Network {
        name: "random".into(),
        output: nodes.len() - 1,
        nodes,
        rewritten: Vec::new(),
    }
}
