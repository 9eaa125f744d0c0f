// axpy: out[i] (+)= alpha x[i], alpha = factor * alpha_at[alpha_index].
//
// Bindings: 1 x (rows); 2 alpha_at, the buffer of the coefficient; 3 out (rows), written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions.
// Preconditions: |alpha x| + |out| < 2^126.
// Error: gamma_3 (|alpha x| + |out|) + 6 eta, u = 2^-23, eta = 2^-126.

override accumulate: bool = false;

struct Params {
    rows: u32,
    alpha: f32,
    alpha_index: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> alpha_at: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows) {
        var sum = params.alpha * alpha_at[params.alpha_index] * x[i];
        if (accumulate) {
            sum += out[i];
        }
        out[i] = sum;
    }
}
