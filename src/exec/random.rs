//! Counter-based random numbers, the same integers on every executor.
//!
//! `hash(seed, sample, restart, element)` applies the 32-bit finaliser
//! `x ^= x >> 16; x *= 0x7feb352d; x ^= x >> 15; x *= 0x846ca68b; x ^= x >> 16`
//! (Wellons 2018, bias below 0.2) after absorbing each word by addition of its
//! product with an odd constant.

fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// The hash of one draw.
pub fn hash(seed: u32, sample: u32, restart: u32, element: u32) -> u32 {
    let mut x = mix(seed.wrapping_add(0x9e37_79b9));
    x = mix(x.wrapping_add(sample.wrapping_mul(0x85eb_ca6b)));
    x = mix(x.wrapping_add(restart.wrapping_mul(0xc2b2_ae35)));
    mix(x.wrapping_add(element.wrapping_mul(0x27d4_eb2f)))
}

/// Uniform on `[0, 1)`: the top 24 bits, exact in binary32.
pub fn uniform(seed: u32, sample: u32, restart: u32, element: u32) -> f32 {
    (hash(seed, sample, restart, element) >> 8) as f32 * (1.0 / 16_777_216.0)
}
