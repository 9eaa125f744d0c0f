//! The 2-norm of a convolution through its symbol.
//!
//! A zero-padded convolution is a compression of a circular one on a torus
//! large enough that no window wraps: `A = R C E` with `E` an isometric
//! embedding of the image and `R` a restriction, so `‖A‖₂ <= ‖C‖₂`. The Fourier
//! basis makes `C` block diagonal, and `‖C‖₂` is the largest norm of the
//! (out channels) × (in channels) symbols at the torus's frequencies. A stride
//! `s` splits the image into its `s × s` phases, which become input channels;
//! kernel offset `p = s q + r` reads phase `r` at distance `q`. Groups are
//! independent blocks.
//!
//! References: Sedghi, Gupta, Long, *The singular values of convolutional
//! layers* (ICLR 2019), for the circular case; the polyphase form is Vaidyanathan
//! (1993), ch. 4.

use rug::float::{Constant, Round};
use rug::{Assign, Float};

use super::matrix::{MidRad, ceiling};
use super::spectral::{ORDER_LIMIT, enclosure_norm_up};
use crate::ops::Geometry;
use crate::rounding::eft::sqrt_up;
use crate::rounding::{Boxes, Interval, SumBound};

/// A complex number in a rectangle.
#[derive(Clone, Copy)]
struct Complex {
    re: Interval,
    im: Interval,
}

impl Complex {
    fn times(self, b: Complex) -> Complex {
        Complex {
            re: self.re * b.re - self.im * b.im,
            im: self.re * b.im + self.im * b.re,
        }
    }
}

/// Encloses `exp(2πi k / n)` for `k = 0 … n - 1`.
///
/// **Rounding.** The angle is below 7 and has 100 bits, so its error is far
/// below `2^-90`; cosine and sine have slope at most 1.
fn roots_of_unity(n: usize) -> Vec<Complex> {
    let slack = Float::with_val(100, 1) >> 90u32;
    let around = |v: Float| {
        let lo = Float::with_val(100, &v - &slack).to_f64_round(Round::Down);
        let hi = Float::with_val(100, &v + &slack).to_f64_round(Round::Up);
        Interval::or_entire(lo.next_down().max(-1.0), hi.next_up().min(1.0))
    };
    (0..n)
        .map(|k| {
            if k == 0 {
                return Complex {
                    re: Interval::ONE,
                    im: Interval::ZERO,
                };
            }
            let mut angle = Float::new(100);
            angle.assign(Constant::Pi);
            angle *= 2 * k as u64;
            angle /= n as u64;
            Complex {
                re: around(angle.clone().cos()),
                im: around(angle.sin()),
            }
        })
        .collect()
}

/// Work above which the symbol is not evaluated: frequencies × order³.
const WORK_LIMIT: f64 = 4e10;

/// An upper bound (proved) of the 2-norm of the convolution with `weight(k)` at
/// offset `k` of a tensor (out channels, channels / groups, kh, kw); `None` if
/// it would be too much work.
pub(super) fn convolution_norm_up(g: &Geometry, weight: &dyn Fn(usize) -> f32) -> Option<f64> {
    let [kh, kw] = g.kernel;
    let [sh, sw] = g.stride;
    let (ins, outs) = (g.channels / g.groups, g.out_channels / g.groups);
    let split = |k: usize, d: usize, s: usize| (k * d / s, k * d % s);
    let torus =
        |axis: usize| g.output[axis] + (g.kernel[axis] - 1) * g.dilation[axis] / g.stride[axis];
    let (ny, nx) = (torus(0), torus(1));
    let phases = ins.checked_mul(sh)?.checked_mul(sw)?;
    let order = 2 * outs.min(phases);
    let frequencies = (ny as f64 * nx as f64 / 2.0 + 2.0) * g.groups as f64;
    if order > ORDER_LIMIT
        || frequencies * (order as f64).powi(2) * (2 * outs.max(phases)) as f64 > WORK_LIMIT
    {
        return None;
    }
    let (ey, ex) = (roots_of_unity(ny), roots_of_unity(nx));
    let mut worst = 0.0f64;
    for group in 0..g.groups {
        for u in 0..ny {
            for v in 0..nx {
                // A real kernel has conjugate symbols at opposite frequencies.
                if ((ny - u) % ny, (nx - v) % nx) < (u, v) {
                    continue;
                }
                let zero = Complex {
                    re: Interval::ZERO,
                    im: Interval::ZERO,
                };
                let mut symbol = vec![zero; outs * phases];
                for y in 0..kh {
                    for x in 0..kw {
                        let ((qy, ry), (qx, rx)) =
                            (split(y, g.dilation[0], sh), split(x, g.dilation[1], sw));
                        let e = ey[u * qy % ny].times(ex[v * qx % nx]);
                        for o in 0..outs {
                            for c in 0..ins {
                                let k = (((group * outs + o) * ins + c) * kh + y) * kw + x;
                                let w = f64::from(weight(k));
                                let at = &mut symbol[o * phases + (c * sh + ry) * sw + rx];
                                at.re = at.re + e.re.scale(w);
                                at.im = at.im + e.im.scale(w);
                            }
                        }
                    }
                }
                // [[Re, -Im], [Im, Re]] has the norm of Re + i Im.
                let real = Boxes::from_shape_fn((2 * outs, 2 * phases), |i, j| {
                    let z = symbol[i % outs * phases + j % phases];
                    match (i < outs, j < phases) {
                        (true, true) | (false, false) => z.re,
                        (true, false) => -z.im,
                        (false, true) => z.im,
                    }
                });
                let m = MidRad::of(&real);
                let squares: f64 = m.magnitudes().iter().map(|v| v * v).sum();
                let squares = SumBound::new(4 * outs * phases).up(squares);
                // Both copies count, so the Frobenius norm of one is sqrt(squares / 2).
                if ceiling(sqrt_up(squares * 0.5)) > worst {
                    worst = worst.max(enclosure_norm_up(&m));
                }
            }
        }
    }
    Some(worst)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::exec::random::hash;
    use crate::lipschitz::affine::dense;
    use crate::lipschitz::spectral::spectral_norm_up;
    use crate::ops::{Conv2d, Shape, Tensor};

    /// The symbol never undercuts the matrix (whose bound is tested against exact
    /// arithmetic), and is close for kernels much smaller than the image.
    #[test]
    fn symbol_covers_the_matrix() {
        let cases = [
            // channels, input, out, kernel, stride, padding, dilation, groups, slack
            (2, [7, 6], 3, [3, 3], [1, 1], [1, 1, 1, 1], [1, 1], 1, 1.15),
            (
                2,
                [8, 8],
                2,
                [2, 2],
                [2, 2],
                [0, 0, 0, 0],
                [1, 1],
                1,
                1.0001,
            ),
            (3, [9, 9], 2, [3, 3], [2, 2], [1, 1, 1, 1], [1, 1], 1, 1.3),
            (4, [8, 7], 4, [3, 2], [1, 2], [2, 0, 1, 1], [2, 1], 2, 1.6),
            (1, [5, 5], 1, [5, 5], [3, 3], [2, 2, 2, 2], [1, 1], 1, 3.0),
        ];
        for (k, (c, input, out, kernel, stride, padding, dilation, groups, slack)) in
            cases.into_iter().enumerate()
        {
            let g = Geometry::new(
                "conv2d", c, input, out, kernel, stride, padding, dilation, groups,
            )
            .expect("a valid geometry");
            let shape = Shape::new(&[out, c / groups, kernel[0], kernel[1]]);
            let data: Vec<f32> = (0..shape.len())
                .map(|i| (hash(5, k as u32, 0, i as u32) % 33) as f32 / 8.0 - 2.0)
                .collect();
            let weight = Arc::new(Tensor::new("w", shape, data.clone()).expect("finite"));
            let map = Conv2d::new(weight, None, g.clone()).expect("shapes agree");
            let symbol = convolution_norm_up(&g, &|i| data[i]).expect("small");
            // The matrix bound is loose by less than 1e-6.
            let matrix = spectral_norm_up(dense(&map).view()).expect("small") * (1.0 - 1e-6);
            assert!(symbol >= matrix, "case {k}: {symbol} < {matrix}");
            assert!(
                symbol <= slack * matrix,
                "case {k}: {symbol} > {slack} {matrix}"
            );
        }
    }

    #[test]
    fn an_identity_kernel_has_norm_one() {
        let g = Geometry::new(
            "conv2d",
            1,
            [4, 4],
            1,
            [3, 3],
            [1, 1],
            [1, 1, 1, 1],
            [1, 1],
            1,
        )
        .expect("a valid geometry");
        let up = convolution_norm_up(&g, &|i| f32::from(u8::from(i == 4))).expect("small");
        assert!((1.0..1.0 + 1e-9).contains(&up), "{up}");
    }
}
