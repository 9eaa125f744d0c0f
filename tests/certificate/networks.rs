//! Small networks, by name: the corpus names them in `claim.network.file`.

use std::sync::Arc;

use dahlquist::exact::Rational;
use dahlquist::graph::{Graph, GraphBuilder, NodeId};
use dahlquist::ode::{self, Field};
use dahlquist::ops::{
    Conv2d, Dense, Diagonal, Gather, Geometry, LeakyRelu, Pointwise, Relu, Reshape, Shape, Sigmoid,
    Softplus, SumPool, Tanh, Tensor,
};

/// A reproducible stream of small binary32 numbers (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// In [-1, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
    pub fn coin(&mut self) -> bool {
        self.bits() & 1 == 1
    }
    pub fn list(&mut self, n: usize, scale: f64) -> Vec<f32> {
        (0..n).map(|_| (self.unit() * scale) as f32).collect()
    }
}

pub fn tensor(name: &str, shape: &[usize], data: Vec<f32>) -> Arc<Tensor> {
    Arc::new(Tensor::new(name, Shape::new(shape), data).unwrap())
}

fn dense(b: &mut GraphBuilder, r: &mut Numbers, name: &str, x: NodeId, out: usize) -> NodeId {
    let n = b.shape(x).len();
    let scale = 1.5 / (n as f64).sqrt();
    let weight = tensor(name, &[out, n], r.list(out * n, scale));
    let bias = tensor(&format!("{name}.b"), &[out], r.list(out, 0.3));
    let map = Arc::new(Dense::new(weight, Some(bias)).unwrap());
    b.linear(name, map, x).unwrap()
}

/// `dense → φ → dense → φ → dense`, sizes 4-5-4-3.
fn plain(f: Arc<dyn Pointwise>, seed: u64) -> Graph {
    let (mut b, mut r) = (GraphBuilder::new(), Numbers(seed));
    let mut x = b.input("x", Shape::new(&[4]));
    for (i, n) in [5, 4].into_iter().enumerate() {
        x = dense(&mut b, &mut r, &format!("fc{i}"), x, n);
        x = b.pointwise(format!("act{i}"), f.clone(), x).unwrap();
    }
    let y = dense(&mut b, &mut r, "head", x, 3);
    b.finish(y).unwrap()
}

/// Residual blocks `z + h W₂ φ(W₁ z)` of width `m`, `blocks` of them.
pub fn residual(
    f: Arc<dyn Pointwise>,
    sizes: [usize; 3],
    blocks: usize,
    h: Rational,
    seed: u64,
) -> Graph {
    let [n, m, classes] = sizes;
    let (mut b, mut r) = (GraphBuilder::new(), Numbers(seed));
    let x = b.input("x", Shape::new(&[n]));
    let mut z = dense(&mut b, &mut r, "in", x, m);
    for i in 0..blocks {
        let a = dense(&mut b, &mut r, &format!("block{i}/w1"), z, m);
        let a = b.pointwise(format!("block{i}/act"), f.clone(), a).unwrap();
        let a = dense(&mut b, &mut r, &format!("block{i}/w2"), a, m);
        let terms = [(Rational::from(1), z), (h.clone(), a)];
        z = b.combine(format!("block{i}/add"), &terms).unwrap();
    }
    let y = dense(&mut b, &mut r, "head", z, classes);
    b.finish(y).unwrap()
}

/// `z' = tanh(W z + t v)`, three steps of `method`, then a head.
fn ode(method: &str, seed: u64) -> Graph {
    let mut r = Numbers(seed);
    let field = {
        let mut b = GraphBuilder::new();
        let t = b.input("t", Shape::new(&[1]));
        let z = b.input("z", Shape::new(&[3]));
        let wz = dense(&mut b, &mut r, "field.w", z, 3);
        let vt = dense(&mut b, &mut r, "field.v", t, 3);
        let one = || Rational::from(1);
        let a = b.combine("field.a", &[(one(), wz), (one(), vt)]).unwrap();
        let f = b.pointwise("field.act", Arc::new(Tanh), a).unwrap();
        b.finish(f).unwrap()
    };
    let mut b = GraphBuilder::new();
    let x = b.input("x", Shape::new(&[3]));
    let method = ode::by_name(method).unwrap();
    let (t0, t1) = (Rational::new(), Rational::from(1));
    let field = Field::Shared(field);
    let z = ode::unroll(&mut b, "ode/", &method, &field, 3, &t0, &t1, x).unwrap();
    let y = dense(&mut b, &mut r, "head", z, 3);
    b.finish(y).unwrap()
}

/// Image → uncertain channel scale → convolution → relu → average → head.
pub fn image(scale: f32, uncertainty: f64) -> Graph {
    let (mut b, mut r) = (GraphBuilder::new(), Numbers(77));
    let shape = Shape::new(&[1, 4, 4]);
    let x = b.input("x", shape.clone());
    let s = tensor("bn.s", &[1], vec![scale]);
    let t = tensor("bn.t", &[1], vec![-0.25]);
    let bn = Arc::new(Diagonal::new(s, t, shape, uncertainty).unwrap());
    let x = b.linear("bn", bn, x).unwrap();
    let window = |c, out, kernel, stride, padding, groups| {
        Geometry::new(
            "test",
            c,
            [4, 4],
            out,
            kernel,
            stride,
            padding,
            [1, 1],
            groups,
        )
        .unwrap()
    };
    let weight = tensor("conv.w", &[2, 1, 3, 3], r.list(18, 0.4));
    let bias = tensor("conv.b", &[2], r.list(2, 0.2));
    let conv = Conv2d::new(weight, Some(bias), window(1, 2, [3, 3], [1, 1], [1; 4], 1)).unwrap();
    let x = b.linear("conv", Arc::new(conv), x).unwrap();
    let x = b.pointwise("act", Arc::new(Relu), x).unwrap();
    let pool = window(2, 2, [2, 2], [2, 2], [0; 4], 2);
    let x = b
        .linear("pool", Arc::new(SumPool::new(pool).unwrap()), x)
        .unwrap();
    let x = b.combine("mean", &[(Rational::from((1, 4)), x)]).unwrap();
    let flat = Reshape::new(b.shape(x).clone(), Shape::new(&[8])).unwrap();
    let x = b.linear("flat", Arc::new(flat), x).unwrap();
    let some = Gather::new(
        Shape::new(&[8]),
        Shape::new(&[4]),
        vec![Some(0), Some(7), None, Some(3)],
    );
    let g = b.linear("gather", Arc::new(some.unwrap()), x).unwrap();
    let g = dense(&mut b, &mut r, "side", g, 3);
    let y = dense(&mut b, &mut r, "head", x, 3);
    let y = b
        .combine(
            "sum",
            &[(Rational::from(1), y), (Rational::from((-1, 3)), g)],
        )
        .unwrap();
    b.finish(y).unwrap()
}

/// `h = (x₀ + x₁, x₀ − x₁)`, `y = relu(h₀ − h₁ − 1)`: an interval step doubles
/// the range of `h₀ − h₁ = 2 x₁`. The first activation is affine there.
fn cancellation() -> Graph {
    let mut b = GraphBuilder::new();
    let x = b.input("x", Shape::new(&[2]));
    let w1 = tensor("w1", &[2, 2], vec![1.0, 1.0, 1.0, -1.0]);
    let b1 = tensor("b1", &[2], vec![4.0, 4.0]);
    let h = b
        .linear("fc0", Arc::new(Dense::new(w1, Some(b1)).unwrap()), x)
        .unwrap();
    let h = b.pointwise("act0", Arc::new(Relu), h).unwrap();
    let w2 = tensor("w2", &[1, 2], vec![1.0, -1.0]);
    let b2 = tensor("b2", &[1], vec![-1.0]);
    let t = b
        .linear("fc1", Arc::new(Dense::new(w2, Some(b2)).unwrap()), h)
        .unwrap();
    let y = b.pointwise("act1", Arc::new(Relu), t).unwrap();
    b.finish(y).unwrap()
}

/// Every name that [`by_name`] knows.
pub const NAMES: [&str; 10] = [
    "relu",
    "leaky",
    "tanh",
    "sigmoid",
    "softplus",
    "residual",
    "rk4",
    "zerosnet",
    "image",
    "cancellation",
];

/// The network of that name.
pub fn by_name(name: &str) -> Graph {
    match name {
        "relu" => plain(Arc::new(Relu), 1),
        "leaky" => plain(Arc::new(LeakyRelu::new(0.1).unwrap()), 2),
        "tanh" => plain(Arc::new(Tanh), 3),
        "sigmoid" => plain(Arc::new(Sigmoid), 4),
        "softplus" => plain(Arc::new(Softplus), 5),
        "residual" => residual(Arc::new(Relu), [6, 5, 3], 2, Rational::from((1, 3)), 6),
        "rk4" => ode("rk4", 7),
        "zerosnet" => ode("zerosnet(-9/5)", 8),
        "image" => image(1.5, 1e-4),
        "cancellation" => cancellation(),
        _ => panic!("no network {name}"),
    }
}
