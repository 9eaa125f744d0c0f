// tanh: hyperbolic tangent. No bindings: a function body for pointwise.wgsl and
// pointwise_grad.wgsl. The built-in is not used: it may be 1e-5 off and overflows.
//
// value: below 0.625 the odd polynomial of Cephes tanhf (Moshier 1992), above it
// 1 - 2 / (exp(2|x|) + 1) with |x| clamped to 10, where tanh is 1 within 2^-27.
// slope: 4t / (1 + t)^2 with t = exp(-2|x|), |x| clamped to 43.
// Error: 16u |tanh x| + 2 eta (polynomial 2u and six roundings; above: exp, 3 + 2|2x|
// ulp, weighted by 2t/(1+t)^2 <= 1). Slope: (3 + 4|x| + 8)u |slope| + 2^-122.

fn value(x: f32, alpha: f32) -> f32 {
    let a = min(abs(x), 10.0);
    let z = a * a;
    let p = ((((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z
        + 1.33314422036e-1) * z - 3.33332819422e-1) * z;
    let small = a + a * p;
    let large = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    return sign(x) * select(large, small, a < 0.625);
}

fn slope(x: f32, alpha: f32) -> f32 {
    let t = exp(-2.0 * min(abs(x), 43.0));
    let s = 1.0 + t;
    return 4.0 * t / (s * s);
}
