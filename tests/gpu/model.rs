//! The error model and the data of the cases.

use dahlquist::exec::random::hash;

/// Unit roundoff of WGSL: "correctly rounded" is either neighbour.
pub const U: f64 = 1.0 / 8_388_608.0;
/// Smallest normal binary32: what a flush can cost.
pub const ETA: f64 = f32::MIN_POSITIVE as f64;

/// `γ_n = (1 + u)^n - 1`.
pub fn gamma(n: usize) -> f64 {
    (n as f64 * U.ln_1p()).exp_m1()
}

pub const fn pow2(e: i32) -> f64 {
    f64::from_bits(((1023 + e) as u64) << 52)
}

/// Reproducible values in `[-scale, scale]`, one in eight exactly 0, one in
/// eight tiny.
pub fn data(seed: u32, len: usize, scale: f32) -> Vec<f32> {
    (0..len as u32)
        .map(|i| {
            let h = hash(seed, 0, 0, i);
            let v = (h >> 8) as f32 / 8_388_608.0 - 1.0;
            match h & 7 {
                0 => 0.0,
                1 => v * scale * 1e-6,
                _ => v * scale,
            }
        })
        .collect()
}

pub fn labels(seed: u32, len: usize, classes: usize) -> Vec<u32> {
    (0..len as u32)
        .map(|i| hash(seed, 1, 0, i) % classes as u32)
        .collect()
}

pub fn d(v: f32) -> f64 {
    f64::from(v)
}

/// `sgn(0) = 0`.
pub fn sgn(v: f32) -> f64 {
    if v > 0.0 {
        1.0
    } else if v < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// `x` where `on`, else 0.
pub fn when(on: bool, x: f64) -> f64 {
    if on { x } else { 0.0 }
}

pub const SIZES: [usize; 6] = [0, 1, 63, 64, 65, 3000];
pub const BOOL: [bool; 2] = [false, true];
