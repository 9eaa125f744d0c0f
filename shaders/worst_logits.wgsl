// worst_logits: out[s, j] = center - radius at j = labels[s], center + radius elsewhere.
//
// Bindings: 1 center (rows, classes); 2 radius (rows, classes); 3 labels (rows) of u32;
// 4 out (rows, classes), written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions.
// Preconditions: |center| + |radius| < 2^126.
// Error: u (|center| + |radius|) + 3 eta.

struct Params {
    rows: u32,
    classes: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> center: array<f32>;
@group(0) @binding(2) var<storage, read> radius: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows * params.classes) {
        let own = i % params.classes == labels[i / params.classes];
        out[i] = center[i] + select(radius[i], -radius[i], own);
    }
}
