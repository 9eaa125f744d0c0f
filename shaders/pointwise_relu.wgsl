// relu: max(x, 0); slope 1 where x > 0, else 0. No bindings: a function body for
// pointwise.wgsl and pointwise_grad.wgsl.
// Error: none (subnormals may be flushed: eta). Slope: none.

fn value(x: f32, alpha: f32) -> f32 {
    return max(x, 0.0);
}

fn slope(x: f32, alpha: f32) -> f32 {
    return select(0.0, 1.0, x > 0.0);
}
