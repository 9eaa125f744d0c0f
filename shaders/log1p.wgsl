// log1p(t) = log(1 + t) for t >= 0, a function for softplus and cross_entropy. No
// bindings.
//
// For t <= 1: 2 atanh(s) with s = t / (2 + t) in [0, 1/3], the series cut after
// s^17 (remainder below 2 s^19 / (19 (1 - s^2)) < 2^-32 relative). All terms are
// positive, so no rearrangement can lose digits; log(1 + t) lost up to 130 869 ulp.
// Above 1 the argument of log is at least 2 up to rounding.
// Error: 16u log1p(t) + 2 eta for t <= 1; above, 8u log1p(t).

fn log1p(t: f32) -> f32 {
    let s = t / (2.0 + t);
    let q = s * s;
    let series = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0
        + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0 + q * (1.0 / 17.0)))))))));
    return select(log(1.0 + t), series, t <= 1.0);
}
