// pointwise: out[i] = value(x[i]). A template: value(x, alpha) comes from the file
// pointwise_NAME.wgsl of the function, which states its error.
//
// Bindings: 1 x (rows); 2 out (rows), written. Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions.
// Preconditions: |x| < 2^126.
// Error: that of the function.

struct Params {
    rows: u32,
    alpha: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows) {
        out[i] = value(x[i], params.alpha);
    }
}
