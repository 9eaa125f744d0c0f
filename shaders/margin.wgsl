// margin: margin[s] = z_y - max_{j != y} z_j, y = labels[s], j* the first maximiser;
// dz[s] = -e_y + e_{j*}, the ascent direction of an attack.
//
// Bindings: 1 z (rows, classes); 2 labels (rows) of u32; 3 margin (rows), written;
// 4 dz (rows, classes), written.
// Workgroup: one invocation per sample, 64 per workgroup.
// Preconditions: classes >= 2, labels below classes, |z| < 2^125.
// Error: margin u (|z_y| + |z_j*|) + 3 eta; dz none.

struct Params {
    rows: u32,
    classes: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> margin: array<f32>;
@group(0) @binding(4) var<storage, read_write> dz: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let s = (group.y * groups.x + group.x) * 64u + lane;
    if (s < params.rows) {
        let base = s * params.classes;
        let label = labels[s];
        var first = select(0u, 1u, label == 0u);
        for (var j = 0u; j < params.classes; j++) {
            if (j != label && z[base + j] > z[base + first]) {
                first = j;
            }
        }
        margin[s] = z[base + label] - z[base + first];
        for (var j = 0u; j < params.classes; j++) {
            dz[base + j] = select(select(0.0, 1.0, j == first), -1.0, j == label);
        }
    }
}
