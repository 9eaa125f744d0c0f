// gather_grad: dx[s, i] (+)= sum_{e = start[i]}^{start[i+1]-1} dy[s, source[e]], the
// adjoint of gather.
//
// Bindings: 1 dy (rows, n_out); 2 start (n_in + 1) of u32; 3 source of u32; 4 dx
// (rows, n_in), written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions of dx.
// Preconditions: start is non-decreasing and ends at most at the length of source;
// every source is below n_out; K max|dy| + max|dx| < 2^126, K = start[i+1] - start[i].
// Error: gamma_K (sum |dy| + |dx|) + eta (2K + 2)(1 + gamma_K).

override accumulate: bool = false;

struct Params {
    rows: u32,
    n_in: u32,
    n_out: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> start: array<u32>;
@group(0) @binding(3) var<storage, read> source: array<u32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows * params.n_in) {
        let to = i % params.n_in;
        let base = i / params.n_in * params.n_out;
        let end = start[to + 1u];
        var sum = 0.0;
        for (var e = start[to]; e < end; e++) {
            sum += dy[base + source[e]];
        }
        if (accumulate) {
            sum += dx[i];
        }
        dx[i] = sum;
    }
}
