// input_box: the maximum-norm ball of radius eps around x cut with [lo, hi]:
// l = max(x - eps, lo), h = min(x + eps, hi), center = (l + h)/2, radius = (h - l)/2;
// eps = factor * eps_at[eps_index].
//
// Bindings: 1 x (rows); 2 eps_at, the buffer of the coefficient; 3 center (rows),
// written; 4 radius (rows), written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions.
// Preconditions: |x| + |eps| + |lo| + |hi| < 2^126.
// Error: gamma_4 max(|x| + |eps|, |lo|, |hi|) + 8 eta, in both outputs. An estimate:
// the box computed here does not enclose the ball.

struct Params {
    rows: u32,
    eps: f32,
    eps_index: u32,
    lo: f32,
    hi: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> eps_at: array<f32>;
@group(0) @binding(3) var<storage, read_write> center: array<f32>;
@group(0) @binding(4) var<storage, read_write> radius: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows) {
        let eps = params.eps * eps_at[params.eps_index];
        let l = max(x[i] - eps, params.lo);
        let h = min(x[i] + eps, params.hi);
        center[i] = 0.5 * (l + h);
        radius[i] = 0.5 * (h - l);
    }
}
