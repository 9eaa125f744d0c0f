// gather: out[s, o] = x[s, index[o]], 0 where index[o] = 2^32 - 1.
//
// Bindings: 1 x (rows, n_in); 2 index (n_out) of u32; 3 out (rows, n_out), written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions of out.
// Preconditions: every index is below n_in or 2^32 - 1.
// Error: none (subnormals may be flushed: 2^-126).

struct Params {
    rows: u32,
    n_in: u32,
    n_out: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows * params.n_out) {
        let source = index[i % params.n_out];
        var value = 0.0;
        if (source != 0xffffffffu) {
            value = x[i / params.n_out * params.n_in + source];
        }
        out[i] = value;
    }
}
