// channel_affine: out[o, c, i] (+)= scale[c] x[o, c, i] + bias[c]; absolute uses |scale|.
//
// Bindings: 1 x (rows, channels, inner); 2 scale (channels); 3 bias (channels) or a
// dummy; 4 out (as x), written.
// Workgroup: one invocation per element, 64 per workgroup, workgroups folded to two dimensions.
// Preconditions: |scale x| + |bias| + |out| < 2^126.
// Error: gamma_3 (|scale x| + |bias| + |out|) + 6 eta.

override absolute: bool = false;
override has_bias: bool = false;
override accumulate: bool = false;

struct Params {
    rows: u32,
    channels: u32,
    inner: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    if (i < params.rows * params.channels * params.inner) {
        let c = i / params.inner % params.channels;
        var factor = scale[c];
        if (absolute) {
            factor = abs(factor);
        }
        var sum = factor * x[i];
        if (has_bias) {
            sum += bias[c];
        }
        if (accumulate) {
            sum += out[i];
        }
        out[i] = sum;
    }
}
