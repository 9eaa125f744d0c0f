// leaky_relu: x where x >= 0, alpha x below; slope 1 where x > 0, else alpha. No
// bindings: a function body for pointwise.wgsl and pointwise_grad.wgsl.
// Error: u |alpha x| + 3 eta. Slope: eta.

fn value(x: f32, alpha: f32) -> f32 {
    return select(alpha * x, x, x >= 0.0);
}

fn slope(x: f32, alpha: f32) -> f32 {
    return select(alpha, 1.0, x > 0.0);
}
