// conv2d: out[s, o] = sum w[..] x[s, ..] + bias[channel of o] over the window of o;
// padding contributes nothing; abs_w uses |w|.
//
// Bindings: 1 x (rows, channels, in_h, in_w); 2 w (out_channels, channels / groups,
// kernel_h, kernel_w); 3 bias (out_channels) or a dummy; 4 out (rows, out_channels,
// out_h, out_w), written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions of out.
// Preconditions: K max|w| max|x| + max|bias| < 2^126, K = channels / groups * kernel_h * kernel_w.
// Error: gamma_{K+1} (sum |w||x| + |bias|) + eta (sum |w| + sum |x| + 2K + 2)(1 + gamma_{K+1}).

override abs_w: bool = false;
override has_bias: bool = false;

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
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows * params.out_channels * params.out_h * params.out_w) {
        let ox = i % params.out_w;
        let oy = i / params.out_w % params.out_h;
        let oc = i / (params.out_w * params.out_h) % params.out_channels;
        let s = i / (params.out_w * params.out_h * params.out_channels);
        let per_group = params.channels / params.conv_groups;
        let first = oc / (params.out_channels / params.conv_groups) * per_group;
        var sum = 0.0;
        for (var c = 0u; c < per_group; c++) {
            for (var ky = 0u; ky < params.kernel_h; ky++) {
                // Left of the image the difference wraps to a huge value and fails the test.
                let iy = oy * params.stride_h + ky * params.dilation_h - params.pad_top;
                for (var kx = 0u; kx < params.kernel_w; kx++) {
                    let ix = ox * params.stride_w + kx * params.dilation_w - params.pad_left;
                    if (iy < params.in_h && ix < params.in_w) {
                        var weight = w[((oc * per_group + c) * params.kernel_h + ky) * params.kernel_w + kx];
                        if (abs_w) {
                            weight = abs(weight);
                        }
                        sum += weight * x[((s * params.channels + first + c) * params.in_h + iy) * params.in_w + ix];
                    }
                }
            }
        }
        if (has_bias) {
            sum += bias[oc];
        }
        out[i] = sum;
    }
}
