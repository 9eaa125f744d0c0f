// softplus: log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)); slope: the sigmoid. No
// bindings: a function body for pointwise.wgsl and pointwise_grad.wgsl, after
// log1p.wgsl. |x| is clamped to 87 inside exp.
// Error: (3 + 2|x| + 16)u |log1p(exp(-|x|))| + u |softplus x| + 2^-124.
// Slope: (3 + 2|x| + 6)u |slope| + 2^-124.

fn value(x: f32, alpha: f32) -> f32 {
    return max(x, 0.0) + log1p(exp(-min(abs(x), 87.0)));
}

fn slope(x: f32, alpha: f32) -> f32 {
    let t = exp(-min(abs(x), 87.0));
    return select(t, 1.0, x >= 0.0) / (1.0 + t);
}
