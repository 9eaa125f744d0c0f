// random_start: a random point of the ball of radius eps around x0[s], clamped to
// [lo, hi]; eps = factor * eps_at[eps_index]. Maximum norm: x0 + eps (2u_i - 1). Euclidean
// norm (l2): the direction v_i = 2u_i - 1 scaled to length eps u_n; no move where v = 0.
//
// u_e for (seed, sample, restart, e) is the top 24 bits of the integer hash of
// exec::random over 2^24; 2u - 1 is formed as a difference of integers and is exact.
// seed = [seed, restart, index of the batch's first sample]; first is the row at
// which this tile begins.
// Bindings: 1 x0 (rows, n); 2 seed (3) of u32; 3 eps_at, the buffer of the
// coefficient; 4 out (rows, n), written.
// Workgroup: one per sample; the norm by 64 strided partial sums, then a fixed binary tree.
// Preconditions: |x0| + |eps| < 2^126.
// Error: maximum norm gamma_3 (|x0| + |eps|) + 6 eta. Euclidean norm, with
// R = gamma_{n+16}: R |eps v_i| u_n / ||v|| + u |x0| + 8 eta.

override l2: bool = false;

struct Params {
    rows: u32,
    first: u32,
    n: u32,
    eps: f32,
    eps_index: u32,
    lo: f32,
    hi: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x0: array<f32>;
@group(0) @binding(2) var<storage, read> seed: array<u32>;
@group(0) @binding(3) var<storage, read> eps_at: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

var<workgroup> partial: array<f32, 64>;

fn mix(value: u32) -> u32 {
    var x = value;
    x ^= x >> 16u;
    x *= 0x7feb352du;
    x ^= x >> 15u;
    x *= 0x846ca68bu;
    return x ^ (x >> 16u);
}

// The top 24 bits of the hash of exec::random.
fn draw(sample: u32, element: u32) -> u32 {
    var x = mix(seed[0] + 0x9e3779b9u);
    x = mix(x + sample * 0x85ebca6bu);
    x = mix(x + seed[1] * 0xc2b2ae35u);
    return mix(x + element * 0x27d4eb2fu) >> 8u;
}

// 2u - 1, a multiple of 2^-23.
fn centred(sample: u32, element: u32) -> f32 {
    return f32(i32(draw(sample, element)) - 8388608) * 0x1p-23;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let s = group.y * groups.x + group.x;
    let sample = seed[2] + params.first + s;
    let count = select(0u, params.n, s < params.rows);
    let eps = params.eps * eps_at[params.eps_index];
    var sum = 0.0;
    for (var i = lane; i < select(0u, count, l2); i += 64u) {
        let v = centred(sample, i);
        sum += v * v;
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
    sum = partial[0];
    var scale = eps;
    if (l2) {
        let length = eps * (f32(draw(sample, params.n)) * 0x1p-24);
        // sum is 0 or at least 2^-46
        scale = select(0.0, length / sqrt(max(sum, 0x1p-46)), sum > 0.0);
    }
    for (var i = lane; i < count; i += 64u) {
        let at = s * params.n + i;
        let moved = x0[at] + scale * centred(sample, i);
        out[at] = min(max(moved, params.lo), params.hi);
    }
}
