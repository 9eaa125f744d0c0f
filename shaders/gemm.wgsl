// gemm: out[i,j] (+)= s[i,j] sum_l A[i,l] B[l,j] + bias[j], out (m, n).
//
// A is a (m, k), or with transpose_a the transpose of a (k, m); B is b (k, n), or
// with transpose_b the transpose of b (n, k); abs_b uses |B|; with has_sign
// s = sgn(sign_of[i,j]), else 1.
// Bindings: 1 a, 2 b, 3 bias (n), 4 sign_of (m, n), 5 out (m, n), written. An absent
// bias or sign_of is bound to a dummy and not read.
// Workgroup: 8 x 8 invocations make one 32 x 32 tile of out, 4 x 4 elements each; tiles
// are numbered row by row and folded to two dimensions. Operands go through workgroup
// memory in slices of 16 along k, as vectors of 4 rows (a) or columns (b), loaded along
// the axis that is contiguous in memory.
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

const TILE: u32 = 32u;
const SLICE: u32 = 16u;
// [l][r] holds rows 4r to 4r + 3 of the tile at l, columns likewise.
var<workgroup> tile_a: array<vec4<f32>, 128>;
var<workgroup> tile_b: array<vec4<f32>, 128>;

fn element_a(r: u32, l: u32) -> f32 {
    var value = 0.0;
    if (r < params.m && l < params.k) {
        value = a[select(r * params.k + l, l * params.m + r, transpose_a)];
    }
    return value;
}

fn element_b(l: u32, c: u32) -> f32 {
    var value = 0.0;
    if (c < params.n && l < params.k) {
        value = b[select(l * params.n + c, c * params.k + l, transpose_b)];
    }
    return select(value, abs(value), abs_b);
}

fn store(row: u32, col: u32, product: f32) {
    if (row < params.m && col < params.n) {
        let o = row * params.n + col;
        var sum = product;
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

fn store4(row: u32, col: u32, products: vec4<f32>) {
    store(row, col, products.x);
    store(row, col + 1u, products.y);
    store(row, col + 2u, products.z);
    store(row, col + 3u, products.w);
}

@compute @workgroup_size(8, 8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) at: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let columns = (params.n + TILE - 1u) / TILE;
    let tile = group.y * groups.x + group.x;
    let row0 = tile / columns * TILE;
    let col0 = tile % columns * TILE;
    let slices = (params.k + SLICE - 1u) / SLICE;
    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    for (var slice = 0u; slice < slices; slice++) { // uniform: params only
        let l0 = slice * SLICE;
        for (var v = lane; v < 128u; v += 64u) {
            var l = v % SLICE;
            var q = v / SLICE;
            if (transpose_a) {
                l = v / 8u;
                q = v % 8u;
            }
            let r = row0 + 4u * q;
            tile_a[l * 8u + q] = vec4<f32>(
                element_a(r, l0 + l),
                element_a(r + 1u, l0 + l),
                element_a(r + 2u, l0 + l),
                element_a(r + 3u, l0 + l),
            );
            l = v / 8u;
            q = v % 8u;
            if (transpose_b) {
                l = v % SLICE;
                q = v / SLICE;
            }
            let c = col0 + 4u * q;
            tile_b[l * 8u + q] = vec4<f32>(
                element_b(l0 + l, c),
                element_b(l0 + l, c + 1u),
                element_b(l0 + l, c + 2u),
                element_b(l0 + l, c + 3u),
            );
        }
        workgroupBarrier();
        for (var l = 0u; l < SLICE; l++) {
            let rows = tile_a[l * 8u + at.y];
            let cols = tile_b[l * 8u + at.x];
            sum0 += rows.x * cols;
            sum1 += rows.y * cols;
            sum2 += rows.z * cols;
            sum3 += rows.w * cols;
        }
        workgroupBarrier();
    }
    let row = row0 + 4u * at.y;
    let col = col0 + 4u * at.x;
    store4(row, col, sum0);
    store4(row + 1u, col, sum1);
    store4(row + 2u, col, sum2);
    store4(row + 3u, col, sum3);
}
