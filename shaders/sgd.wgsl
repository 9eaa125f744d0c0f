// sgd: v = momentum v + g + decay p, p -= lr v; lr = factor * lr_at[lr_index].
//
// Bindings: 1 gradient (rows); 2 lr_at, the buffer of the coefficient; 3 param,
// 4 velocity (rows), read and written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions.
// Preconditions: V = |momentum v| + |g| + |decay p| and |lr| V + |p| below 2^126.
// Error: v gamma_3 V + 8 eta; p gamma_6 (|p| + |lr| V) + 8 (1 + |lr|) eta.

struct Params {
    rows: u32,
    lr: f32,
    lr_index: u32,
    momentum: f32,
    decay: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> lr_at: array<f32>;
@group(0) @binding(3) var<storage, read_write> param: array<f32>;
@group(0) @binding(4) var<storage, read_write> velocity: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows) {
        let lr = params.lr * lr_at[params.lr_index];
        let p = param[i];
        let step = params.momentum * velocity[i] + gradient[i] + params.decay * p;
        velocity[i] = step;
        param[i] = p - lr * step;
    }
}
