// conv2d_input_grad: dx[s, i] (+)= sum over windows o that hold i of w dy[s, o], the
// adjoint of conv2d in x; abs_w uses |w|.
//
// Bindings: 1 dy (rows, out_channels, out_h, out_w); 2 w (out_channels, channels /
// groups, kernel_h, kernel_w); 3 dx (rows, channels, in_h, in_w), written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions of dx.
// Preconditions: K max|w| max|dy| + max|dx| < 2^126, K = out_channels / groups * kernel_h * kernel_w.
// Error: gamma_{K+1} (sum |w||dy| + |dx|) + eta (sum |w| + sum |dy| + 2K + 2)(1 + gamma_{K+1}).

override abs_w: bool = false;
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
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows * params.channels * params.in_h * params.in_w) {
        let ix = i % params.in_w;
        let iy = i / params.in_w % params.in_h;
        let ic = i / (params.in_w * params.in_h) % params.channels;
        let s = i / (params.in_w * params.in_h * params.channels);
        let per_group = params.channels / params.conv_groups;
        let out_per_group = params.out_channels / params.conv_groups;
        let first = ic / per_group * out_per_group;
        let c = ic % per_group;
        var sum = 0.0;
        for (var o = first; o < first + out_per_group; o++) {
            for (var ky = 0u; ky < params.kernel_h; ky++) {
                // A position above the window wraps to a huge value; oy < out_h rejects it.
                let ty = iy + params.pad_top - ky * params.dilation_h;
                let oy = ty / params.stride_h;
                for (var kx = 0u; kx < params.kernel_w; kx++) {
                    let tx = ix + params.pad_left - kx * params.dilation_w;
                    let ox = tx / params.stride_w;
                    if (ty <= 0x7fffffffu && tx <= 0x7fffffffu
                        && oy < params.out_h && oy * params.stride_h == ty
                        && ox < params.out_w && ox * params.stride_w == tx) {
                        var weight = w[((o * per_group + c) * params.kernel_h + ky) * params.kernel_w + kx];
                        if (abs_w) {
                            weight = abs(weight);
                        }
                        sum += weight * dy[((s * params.out_channels + o) * params.out_h + oy) * params.out_w + ox];
                    }
                }
            }
        }
        if (accumulate) {
            sum += dx[i];
        }
        dx[i] = sum;
    }
}
