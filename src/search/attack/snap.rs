//! From a point that an executor proposed to one that lies in the ball.

use super::Norm;
use crate::exact::Rational;

/// Whether `|a - b| <= eps`, exactly.
fn within(a: f32, b: f32, eps: &Rational) -> bool {
    let difference = (f64::from(a) - f64::from(b)).abs();
    // `to_f64` truncates, and the subtraction rounds by at most half an ulp:
    // only a near tie needs exact arithmetic.
    let truncated = eps.to_f64();
    if difference.next_up() <= truncated {
        return true;
    }
    if difference.next_down() > truncated.next_up() {
        return false;
    }
    let exact = |v: f32| Rational::from_f32(v);
    match (exact(a), exact(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= *eps,
        _ => false,
    }
}

/// An upper bound of `Σ (x_i - x0_i)²` in binary64: each of the `2n` roundings
/// moves a sum of non-negative terms by less than 2⁻⁵² of it, and each
/// difference that underflows or rounds is moved outwards first.
fn squares_up(x: &[f32], x0: &[f32]) -> f64 {
    let mut sum = 0.0f64;
    for (x, x0) in x.iter().zip(x0) {
        let d = (f64::from(*x) - f64::from(*x0)).abs();
        if d > 0.0 {
            let d = d.next_up();
            sum = (sum + (d * d).next_up()).next_up();
        }
    }
    sum
}

/// Moves `x` by as little as its format allows into the ball of radius `eps`
/// around `x0`, cut with `[0, 1]`; what is not a number becomes `x0`. Returns
/// the distance, rounded up.
///
/// **Rounding.** Membership is exact: ℓ∞ by rational comparison where binary64
/// does not decide, ℓ2 by an upper bound of the squared distance.
///
/// # Panics
/// If the lengths differ.
pub fn snap(x: &mut [f32], x0: &[f32], eps: &Rational, norm: Norm) -> f64 {
    assert_eq!(x.len(), x0.len(), "point and sample have one shape");
    for (v, &c) in x.iter_mut().zip(x0) {
        *v = if v.is_nan() { c } else { v.clamp(0.0, 1.0) };
    }
    match norm {
        Norm::Linf => {
            let radius = eps.to_f64();
            let mut distance = 0.0f64;
            for (v, &c) in x.iter_mut().zip(x0) {
                if !within(*v, c, eps) {
                    // The nearest float to the face, then inwards.
                    let sign = if *v > c { 1.0 } else { -1.0 };
                    *v = (f64::from(c) + sign * radius) as f32;
                    while !within(*v, c, eps) {
                        *v = if *v > c { v.next_down() } else { v.next_up() };
                    }
                    *v = v.clamp(0.0, 1.0);
                }
                let d = (f64::from(*v) - f64::from(c)).abs();
                distance = distance.max(if d > 0.0 { d.next_up() } else { 0.0 });
            }
            distance
        }
        Norm::L2 => {
            // Truncated square of a truncated radius: not above eps².
            let radius = eps.to_f64();
            let allowed = (radius * radius).next_down().max(0.0);
            let mut shrink = 1.0f64;
            let proposed = x.to_vec();
            let mut step = 2f64.powi(-24);
            while squares_up(x, x0) > allowed {
                shrink -= step;
                step *= 2.0;
                if shrink <= 0.0 {
                    x.copy_from_slice(x0);
                    break;
                }
                for ((v, &p), &c) in x.iter_mut().zip(&proposed).zip(x0) {
                    let (p, c) = (f64::from(p), f64::from(c));
                    *v = ((c + (p - c) * shrink) as f32).clamp(0.0, 1.0);
                }
            }
            let sum = squares_up(x, x0);
            if sum > 0.0 { sum.sqrt().next_up() } else { 0.0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance_squared(x: &[f32], x0: &[f32]) -> Rational {
        let q = |v: f32| Rational::from_f32(v).expect("finite");
        let squares = x.iter().zip(x0).map(|(a, b)| {
            let d = q(*a) - q(*b);
            Rational::from(d.square_ref())
        });
        squares.sum()
    }

    #[test]
    fn snapped_points_lie_in_the_ball_exactly() {
        let mut state = 1u32;
        let mut next = || {
            state = crate::exec::random::hash(state, 1, 2, 3);
            state as f32 / u32::MAX as f32
        };
        for eps in ["1/20", "1/3", "1/1000000", "0", "1"] {
            let eps: Rational = eps.parse().expect("a rational");
            for norm in [Norm::Linf, Norm::L2] {
                for _ in 0..50 {
                    let x0: Vec<f32> = (0..9).map(|_| next()).collect();
                    let mut x: Vec<f32> = x0
                        .iter()
                        .map(|c| c + 3.0 * (next() - 0.5) * eps.to_f64() as f32)
                        .collect();
                    x[0] = f32::NAN;
                    x[1] = 1e-30;
                    let distance = snap(&mut x, &x0, &eps, norm);
                    assert!(x.iter().all(|v| (0.0..=1.0).contains(v)));
                    let up = Rational::from_f64(distance).expect("finite");
                    match norm {
                        Norm::Linf => {
                            for (v, c) in x.iter().zip(&x0) {
                                let d2 = distance_squared(&[*v], &[*c]);
                                assert!(d2 <= Rational::from(eps.square_ref()));
                                assert!(d2 <= Rational::from(up.square_ref()));
                            }
                        }
                        Norm::L2 => {
                            let d2 = distance_squared(&x, &x0);
                            assert!(d2 <= Rational::from(eps.square_ref()));
                            assert!(d2 <= Rational::from(up.square_ref()));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_point_on_the_face_stays_there() {
        let eps = Rational::from((1, 4));
        let mut x = [0.75f32, 0.25];
        assert_eq!(
            snap(&mut x, &[0.5, 0.5], &eps, Norm::Linf),
            0.25f64.next_up()
        );
        assert_eq!(x, [0.75, 0.25]);
    }
}
