// channel_sum: out[c] (+)= sgn(sign_of[c]) sum_{o,i} x[o, c, i] y[o, c, i]; without
// has_y the sum of x, without has_sign the sign is 1.
//
// Bindings: 1 x (rows, channels, inner); 2 y (as x) or a dummy; 3 sign_of (channels)
// or a dummy; 4 out (channels), written.
// Workgroup: one per channel: 64 strided partial sums, then a fixed binary tree.
// Preconditions: K max|x| max|y| + max|out| < 2^126, K = rows * inner.
// Error: gamma_{K+2} (sum |x||y| + |out|) + eta (sum |x| + sum |y| + 2K + 2)(1 + gamma_{K+2}).

override has_y: bool = false;
override has_sign: bool = false;
override accumulate: bool = false;

struct Params {
    rows: u32,
    channels: u32,
    inner: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> sign_of: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let c = group.y * groups.x + group.x;
    let count = select(0u, params.rows * params.inner, c < params.channels);
    var sum = 0.0;
    for (var e = lane; e < count; e += 64u) {
        let at = (e / params.inner * params.channels + c) * params.inner + e % params.inner;
        var term = x[at];
        if (has_y) {
            term *= y[at];
        }
        sum += term;
    }
    partial[lane] = sum;
    workgroupBarrier();
    if (lane < 32u) {
        partial[lane] = partial[lane] + partial[lane + 32u];
    }
    workgroupBarrier();
    if (lane < 16u) {
        partial[lane] = partial[lane] + partial[lane + 16u];
    }
    workgroupBarrier();
    if (lane < 8u) {
        partial[lane] = partial[lane] + partial[lane + 8u];
    }
    workgroupBarrier();
    if (lane < 4u) {
        partial[lane] = partial[lane] + partial[lane + 4u];
    }
    workgroupBarrier();
    if (lane < 2u) {
        partial[lane] = partial[lane] + partial[lane + 2u];
    }
    workgroupBarrier();
    if (lane < 1u) {
        partial[lane] = partial[lane] + partial[lane + 1u];
    }
    workgroupBarrier();
    if (lane == 0u && c < params.channels) {
        sum = partial[0];
        if (has_sign) {
            sum *= sign(sign_of[c]);
        }
        if (accumulate) {
            sum += out[c];
        }
        out[c] = sum;
    }
}
