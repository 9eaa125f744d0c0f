// adam (Kingma, Ba 2015) with decoupled weight decay (Loshchilov, Hutter 2019):
// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
// p -= lr (m c1 / (sqrt(v c2) + eps) + decay p); lr, c1, c2 are factor * buffer[index].
//
// Bindings: 1 gradient (rows); 2 lr_at, 3 c1_at, 4 c2_at, the buffers of the
// coefficients; 5 param, 6 m, 7 v (rows), read and written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions.
// Preconditions: v >= 0, c2 >= 0, eps >= 2^-50 sqrt(max(c2, 1)); g^2 + v, v c2,
// m c1 / eps and the terms of p below 2^120.
// Error, with M = |beta1 m| + |(1 - beta1) g|, D = sqrt(v c2) + eps, Q = |c1| M / D and
// r = 2^-60 sqrt(max(c2, 1)) (underflow before the square root, and its cut at 2^-126):
// m gamma_3 M + 6 eta; v gamma_4 v + 8 eta; p gamma_32 (|p| + |lr| (Q + |decay p|))
// + 2 |lr| Q r / D + 16 (1 + |lr| (1 + |c1| / D)) eta.

struct Params {
    rows: u32,
    lr: f32,
    lr_index: u32,
    c1: f32,
    c1_index: u32,
    c2: f32,
    c2_index: u32,
    beta1: f32,
    beta1_rest: f32,
    beta2: f32,
    beta2_rest: f32,
    eps: f32,
    decay: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> lr_at: array<f32>;
@group(0) @binding(3) var<storage, read> c1_at: array<f32>;
@group(0) @binding(4) var<storage, read> c2_at: array<f32>;
@group(0) @binding(5) var<storage, read_write> param: array<f32>;
@group(0) @binding(6) var<storage, read_write> m: array<f32>;
@group(0) @binding(7) var<storage, read_write> v: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows) {
        let g = gradient[i];
        let lr = params.lr * lr_at[params.lr_index];
        let c1 = params.c1 * c1_at[params.c1_index];
        let c2 = params.c2 * c2_at[params.c2_index];
        let m_new = params.beta1 * m[i] + params.beta1_rest * g;
        let v_new = params.beta2 * v[i] + params.beta2_rest * (g * g);
        m[i] = m_new;
        v[i] = v_new;
        // sqrt(0) is 1 / inverseSqrt(0) in the accuracy rules: kept away from.
        let square = v_new * c2;
        let root = select(0.0, sqrt(max(square, 0x1p-126)), square >= 0x1p-126);
        let p = param[i];
        param[i] = p - lr * (m_new * c1 / (root + params.eps) + params.decay * p);
    }
}
