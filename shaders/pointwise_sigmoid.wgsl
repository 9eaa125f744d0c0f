// sigmoid: 1 / (1 + exp(-x)). No bindings: a function body for pointwise.wgsl and
// pointwise_grad.wgsl. With t = exp(-|x|), |x| clamped to 87 (t stays normal), both
// are free of overflow and cancellation: 1/(1+t) or t/(1+t), slope t/(1+t)^2.
// Error: (3 + 2|x| + 6)u |sigmoid x| + 2^-124. Slope: (3 + 2|x| + 8)u |slope| + 2^-124.

fn value(x: f32, alpha: f32) -> f32 {
    let t = exp(-min(abs(x), 87.0));
    return select(t, 1.0, x >= 0.0) / (1.0 + t);
}

fn slope(x: f32, alpha: f32) -> f32 {
    let t = exp(-min(abs(x), 87.0));
    let s = 1.0 + t;
    return t / (s * s);
}
