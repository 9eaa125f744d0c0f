// cross_entropy: per sample loss[s] (+)= weight CE(z[s], labels[s]) and
// dz[s, j] (+)= weight (softmax(z[s])_j - [j = labels[s]]);
// weight = factor * weight_at[weight_index].
//
// With top the first maximum, at j0, and rest = sum_{j != j0} exp(z_j - top):
// CE = log1p(rest) + (top - z_y), softmax_j = exp(z_j - top) / (1 + rest), and
// softmax_y - 1 = -rest / (1 + rest) where y = j0: small losses and gradients keep
// their digits. Differences are clamped to -87 inside exp. After log1p.wgsl.
// Bindings: 1 z (rows, classes); 2 labels (rows) of u32; 3 weight_at, the buffer of
// the coefficient; 4 loss (rows), written; 5 dz (rows, classes), written.
// Workgroup: one invocation per sample, 64 per workgroup.
// Preconditions: classes >= 1, labels below classes, |z| < 2^125, |weight| (classes +
// 2 max|z|) + |loss| + |dz| < 2^126.
// Error, with E = (2D + 3)u + 2u Z the relative error of each exp (D = min(87, top - min z),
// Z = 2 max|z|) and C = classes: loss |weight| ((E + gamma_{C+18}) log1p(rest) + 2u Z)
// + gamma_3 (|weight| CE + |loss|) + B; dz (2E + gamma_{C+9}) |weight| + gamma_3 |dz| + B,
// B = (1 + |weight|) C 2^-124.

override accumulate: bool = false;

struct Params {
    rows: u32,
    classes: u32,
    weight: f32,
    weight_index: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> weight_at: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let s = (group.y * groups.x + group.x) * 64u + lane;
    if (s < params.rows) {
        let weight = params.weight * weight_at[params.weight_index];
        let base = s * params.classes;
        let label = labels[s];
        var top = z[base];
        var first = 0u;
        for (var j = 1u; j < params.classes; j++) {
            if (z[base + j] > top) {
                top = z[base + j];
                first = j;
            }
        }
        var rest = 0.0;
        for (var j = 0u; j < params.classes; j++) {
            if (j != first) {
                rest += exp(max(z[base + j] - top, -87.0));
            }
        }
        var value = weight * (log1p(rest) + (top - z[base + label]));
        if (accumulate) {
            value += loss[s];
        }
        loss[s] = value;
        for (var j = 0u; j < params.classes; j++) {
            let t = exp(max(z[base + j] - top, -87.0));
            var d = t / (1.0 + rest);
            if (j == label) {
                d = select(d - 1.0, -rest / (1.0 + rest), j == first);
            }
            d *= weight;
            if (accumulate) {
                d += dz[base + j];
            }
            dz[base + j] = d;
        }
    }
}
