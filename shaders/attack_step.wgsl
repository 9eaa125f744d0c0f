// attack_step: one ascent step and the projection onto the ball around x0 cut with
// [lo, hi]; eps and step are factor * buffer[index].
//
// Maximum norm: x + step sgn(g), clamped to x0 -+ eps, then to [lo, hi]. Euclidean norm
// (l2): y = x + step g/||g|| (no step where max|g| < 2^-126), then
// x0 + (y - x0) min(1, eps/||y - x0||), then clamped. Vectors are divided by their
// maximum before squaring, so a norm neither overflows nor vanishes.
// Bindings: 1 x0 (rows, n); 2 gradient (rows, n); 3 eps_at, 4 step_at, the buffers of
// the coefficients; 5 x (rows, n), read and written.
// Workgroup: one per sample; maximum and sum by 64 strided partial sums, then a fixed binary tree.
// Preconditions: |x| + |x0| + |step| + |eps| < 2^126, |g| < 2^126.
// Error: maximum norm gamma_3 (|x| + |step| + |x0| + |eps|) + 8 eta. Euclidean norm, with
// R = gamma_{2n+40}: R (||x|| + |step| + 2 ||x0|| + |eps|) + 16 sqrt(n) eta in the Euclidean norm.

override l2: bool = false;

struct Params {
    rows: u32,
    n: u32,
    eps: f32,
    eps_index: u32,
    step: f32,
    step_index: u32,
    lo: f32,
    hi: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x0: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> eps_at: array<f32>;
@group(0) @binding(4) var<storage, read> step_at: array<f32>;
@group(0) @binding(5) var<storage, read_write> x: array<f32>;

var<workgroup> partial: array<f32, 64>;
const TINY: f32 = 0x1p-126;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let s = group.y * groups.x + group.x;
    let base = s * params.n;
    let count = select(0u, params.n, s < params.rows);
    let norm_count = select(0u, count, l2);
    let eps = params.eps * eps_at[params.eps_index];
    let step = params.step * step_at[params.step_index];

    // the largest |g|
    var largest = 0.0;
    for (var i = lane; i < norm_count; i += 64u) {
        largest = max(largest, abs(gradient[base + i]));
    }
    partial[lane] = largest;
    workgroupBarrier();
    if (lane < 32u) {
        partial[lane] = max(partial[lane], partial[lane + 32u]);
    }
    workgroupBarrier();
    if (lane < 16u) {
        partial[lane] = max(partial[lane], partial[lane + 16u]);
    }
    workgroupBarrier();
    if (lane < 8u) {
        partial[lane] = max(partial[lane], partial[lane + 8u]);
    }
    workgroupBarrier();
    if (lane < 4u) {
        partial[lane] = max(partial[lane], partial[lane + 4u]);
    }
    workgroupBarrier();
    if (lane < 2u) {
        partial[lane] = max(partial[lane], partial[lane + 2u]);
    }
    workgroupBarrier();
    if (lane < 1u) {
        partial[lane] = max(partial[lane], partial[lane + 1u]);
    }
    workgroupBarrier();
    let g_max = max(partial[0], TINY);
    let g_zero = partial[0] < TINY;
    workgroupBarrier();

    // (||g|| / g_max)^2, at least about 1
    var sum = 0.0;
    for (var i = lane; i < norm_count; i += 64u) {
        let r = gradient[base + i] / g_max;
        sum += r * r;
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
    let g_root = sqrt(max(partial[0], 0.5));
    workgroupBarrier();

    // the step, and the largest |y - x0|
    largest = 0.0;
    for (var i = lane; i < count; i += 64u) {
        let at = base + i;
        var y = x[at];
        if (!l2) {
            y += step * sign(gradient[at]);
        } else if (!g_zero) {
            y += step * (gradient[at] / g_max / g_root);
        }
        largest = max(largest, abs(y - x0[at]));
        x[at] = y;
    }
    partial[lane] = largest;
    workgroupBarrier();
    if (lane < 32u) {
        partial[lane] = max(partial[lane], partial[lane + 32u]);
    }
    workgroupBarrier();
    if (lane < 16u) {
        partial[lane] = max(partial[lane], partial[lane + 16u]);
    }
    workgroupBarrier();
    if (lane < 8u) {
        partial[lane] = max(partial[lane], partial[lane + 8u]);
    }
    workgroupBarrier();
    if (lane < 4u) {
        partial[lane] = max(partial[lane], partial[lane + 4u]);
    }
    workgroupBarrier();
    if (lane < 2u) {
        partial[lane] = max(partial[lane], partial[lane + 2u]);
    }
    workgroupBarrier();
    if (lane < 1u) {
        partial[lane] = max(partial[lane], partial[lane + 1u]);
    }
    workgroupBarrier();
    let d_max = max(partial[0], TINY);
    let d_zero = partial[0] < TINY;
    workgroupBarrier();

    // (||y - x0|| / d_max)^2
    sum = 0.0;
    for (var i = lane; i < norm_count; i += 64u) {
        let r = (x[base + i] - x0[base + i]) / d_max;
        sum += r * r;
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
    let norm = d_max * sqrt(max(partial[0], 0.5));
    let outside = l2 && !d_zero && norm > eps;
    var scale = 1.0;
    if (outside) {
        scale = eps / norm;
    }

    for (var i = lane; i < count; i += 64u) {
        let at = base + i;
        var y = x[at];
        if (!l2) {
            y = min(max(y, x0[at] - eps), x0[at] + eps);
        } else if (outside) {
            y = x0[at] + (y - x0[at]) * scale;
        }
        x[at] = min(max(y, params.lo), params.hi);
    }
}
