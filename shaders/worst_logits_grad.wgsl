// worst_logits_grad: dradius[s, j] (+)= -dout[s, j] at j = labels[s], dout[s, j]
// elsewhere: the adjoint of worst_logits in radius.
//
// Bindings: 1 dout (rows, classes); 2 labels (rows) of u32; 3 dradius (rows, classes),
// written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions.
// Preconditions: |dout| + |dradius| < 2^126.
// Error: u (|dout| + |dradius|) + 3 eta.

override accumulate: bool = false;

struct Params {
    rows: u32,
    classes: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dout: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> dradius: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows * params.classes) {
        let own = i % params.classes == labels[i / params.classes];
        var sum = select(dout[i], -dout[i], own);
        if (accumulate) {
            sum += dradius[i];
        }
        dradius[i] = sum;
    }
}
