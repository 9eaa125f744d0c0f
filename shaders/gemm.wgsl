// gemm: out[i,j] (+)= s[i,j] sum_l A[i,l] B[l,j] + bias[j], out (m, n).
//
// A is a (m, k), or with transpose_a the transpose of a (k, m); B is b (k, n), or
// with transpose_b the transpose of b (n, k); abs_b uses |B|; with has_sign
// s = sgn(sign_of[i,j]), else 1.
// Bindings: 1 a, 2 b, 3 bias (n), 4 sign_of (m, n), 5 out (m, n), written. An absent
// bias or sign_of is bound to a dummy and not read.
// Workgroup: 16 x 16 invocations make one 16 x 16 tile of out; tiles are numbered
// row by row and folded to two dimensions. Operands go through workgroup memory in
// slices of 16 along k, read along the axis that is contiguous in memory.
// Preconditions: k max|a| max|b| + max|bias| + max|out| < 2^126.
// Error: gamma_{k+2} (sum_l |A||B| + |bias| + |out|) + eta (sum_l |A| + sum_l |B| + 2k + 4)(1 + gamma_{k+2}).

override transpose_a: bool = false;
override transpose_b: bool = false;
override abs_b: bool = false;
override has_bias: bool = false;
override has_sign: bool = false;
override accumulate: bool = false;

struct Params {
    m: u32,
    n: u32,
    k: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> sign_of: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

const TILE: u32 = 16u;
var<workgroup> tile_a: array<f32, 256>;
var<workgroup> tile_b: array<f32, 256>;

@compute @workgroup_size(16, 16)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) lane: vec3<u32>,
) {
    let columns = (params.n + TILE - 1u) / TILE;
    let tile = group.y * groups.x + group.x;
    let row0 = tile / columns * TILE;
    let col0 = tile % columns * TILE;
    let slices = (params.k + TILE - 1u) / TILE;
    var sum = 0.0;
    for (var slice = 0u; slice < slices; slice++) { // uniform: params only
        let l0 = slice * TILE;
        // (major, minor) of the element this invocation loads; minor is contiguous.
        var r = row0 + lane.y;
        var l = l0 + lane.x;
        var at = r * params.k + l;
        var into = lane.y * TILE + lane.x;
        if (transpose_a) {
            r = row0 + lane.x;
            l = l0 + lane.y;
            at = l * params.m + r;
            into = lane.x * TILE + lane.y;
        }
        var value = 0.0;
        if (r < params.m && l < params.k) {
            value = a[at];
        }
        tile_a[into] = value;

        var c = col0 + lane.x;
        l = l0 + lane.y;
        at = l * params.n + c;
        into = lane.y * TILE + lane.x;
        if (transpose_b) {
            c = col0 + lane.y;
            l = l0 + lane.x;
            at = c * params.k + l;
            into = lane.x * TILE + lane.y;
        }
        value = 0.0;
        if (c < params.n && l < params.k) {
            value = b[at];
        }
        if (abs_b) {
            value = abs(value);
        }
        tile_b[into] = value;
        workgroupBarrier();
        for (var t = 0u; t < TILE; t++) {
            sum += tile_a[lane.y * TILE + t] * tile_b[t * TILE + lane.x];
        }
        workgroupBarrier();
    }
    let row = row0 + lane.y;
    let col = col0 + lane.x;
    if (row < params.m && col < params.n) {
        let o = row * params.n + col;
        if (has_sign) {
            sum *= sign(sign_of[o]);
        }
        if (has_bias) {
            sum += bias[col];
        }
        if (accumulate) {
            sum += out[o];
        }
        out[o] = sum;
    }
}
