// keep_best: where score[s] < best_score[s]: best_score[s] = score[s], best[s, .] = x[s, .].
//
// Bindings: 1 x (rows, n); 2 score (rows); 3 best (rows, n), written; 4 best_score
// (rows), read and written.
// Workgroup: one per sample; every invocation reads the scores before one writes.
// Preconditions: scores and x finite or scores at most 2^126 in magnitude.
// Error: none (subnormals may be flushed: 2^-126).

struct Params {
    rows: u32,
    n: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> score: array<f32>;
@group(0) @binding(3) var<storage, read_write> best: array<f32>;
@group(0) @binding(4) var<storage, read_write> best_score: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let s = group.y * groups.x + group.x;
    let present = s < params.rows;
    var better = false;
    if (present) {
        better = score[s] < best_score[s];
    }
    workgroupBarrier();
    if (better) {
        for (var i = lane; i < params.n; i += 64u) {
            best[s * params.n + i] = x[s * params.n + i];
        }
        if (lane == 0u) {
            best_score[s] = score[s];
        }
    }
}
