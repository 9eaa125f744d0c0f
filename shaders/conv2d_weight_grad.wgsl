// conv2d_weight_grad: dw[k] (+)= sgn(sign_of[k]) sum_s sum_o x[s, ..] dy[s, o], the
// adjoint of conv2d in w; without has_sign the sign is 1.
//
// Bindings: 1 x (rows, channels, in_h, in_w); 2 dy (rows, out_channels, out_h,
// out_w); 3 sign_of (as dw) or a dummy; 4 dw (out_channels, channels / groups,
// kernel_h, kernel_w), written.
// Workgroup: one per element of dw: 64 strided partial sums, then a fixed binary tree.
// Preconditions: K max|x| max|dy| + max|dw| < 2^126, K = rows * out_h * out_w.
// Error: gamma_{K+2} (sum |x||dy| + |dw|) + eta (sum |x| + sum |dy| + 2K + 2)(1 + gamma_{K+2}).

override has_sign: bool = false;
override accumulate: bool = false;

struct Params {
    rows: u32,
    channels: u32,
    in_h: u32,
    in_w: u32,
    out_channels: u32,
    out_h: u32,
    out_w: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride_h: u32,
    stride_w: u32,
    pad_top: u32,
    pad_left: u32,
    dilation_h: u32,
    dilation_w: u32,
    conv_groups: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> sign_of: array<f32>;
@group(0) @binding(4) var<storage, read_write> dw: array<f32>;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let k = group.y * groups.x + group.x;
    let per_group = params.channels / params.conv_groups;
    let total = params.out_channels * per_group * params.kernel_h * params.kernel_w;
    let kx = k % params.kernel_w;
    let ky = k / params.kernel_w % params.kernel_h;
    let c = k / (params.kernel_w * params.kernel_h) % per_group;
    let oc = k / (params.kernel_w * params.kernel_h * per_group);
    let ic = oc / (params.out_channels / params.conv_groups) * per_group + c;
    let count = select(0u, params.rows * params.out_h * params.out_w, k < total);
    var sum = 0.0;
    for (var e = lane; e < count; e += 64u) {
        let ox = e % params.out_w;
        let oy = e / params.out_w % params.out_h;
        let s = e / (params.out_w * params.out_h);
        let iy = oy * params.stride_h + ky * params.dilation_h - params.pad_top;
        let ix = ox * params.stride_w + kx * params.dilation_w - params.pad_left;
        if (iy < params.in_h && ix < params.in_w) {
            sum += x[((s * params.channels + ic) * params.in_h + iy) * params.in_w + ix]
                * dy[((s * params.out_channels + oc) * params.out_h + oy) * params.out_w + ox];
        }
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
    if (lane == 0u && k < total) {
        sum = partial[0];
        if (has_sign) {
            sum *= sign(sign_of[k]);
        }
        if (accumulate) {
            sum += dw[k];
        }
        dw[k] = sum;
    }
}
