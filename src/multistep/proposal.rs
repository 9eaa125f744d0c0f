//! Approximations of all roots of a polynomial: proposals for [`super::roots`], never claims.
//!
//! Aberth's iteration runs in binary64 first, from points on the circles that the Newton polygon
//! gives, and is continued in MPFR at the precision asked for. Only Newton's quotient `p/p'` needs
//! that precision; the sum over the other roots that keeps the iterates apart does not.
//!
//! # References
//!
//! O. Aberth, Math. Comp. 27, 1973; D. A. Bini, Numer. Algorithms 13, 1996 (start).

use rug::Float;

use crate::exact::Poly;

const DOUBLE_ITERATIONS: usize = 300;
const MAX_ITERATIONS: usize = 200;

/// An approximate complex number: nothing computed with it is a claim.
#[derive(Debug, Clone)]
pub(super) struct Complex {
    /// Real part.
    pub(super) re: Float,
    /// Imaginary part.
    pub(super) im: Float,
}

impl Complex {
    fn zero(bits: u32) -> Self {
        Self {
            re: Float::new(bits),
            im: Float::new(bits),
        }
    }

    fn mul(&self, o: &Self) -> Self {
        let bits = self.re.prec();
        let re = Float::with_val(bits, &self.re * &o.re) - Float::with_val(bits, &self.im * &o.im);
        let im = Float::with_val(bits, &self.re * &o.im) + Float::with_val(bits, &self.im * &o.re);
        Self { re, im }
    }

    fn recip(&self) -> Self {
        let bits = self.re.prec();
        let norm = Float::with_val(bits, self.re.square_ref())
            + Float::with_val(bits, self.im.square_ref());
        Self {
            re: Float::with_val(bits, &self.re / &norm),
            im: -Float::with_val(bits, &self.im / &norm),
        }
    }

    fn sub(&self, o: &Self) -> Self {
        let bits = self.re.prec();
        Self {
            re: Float::with_val(bits, &self.re - &o.re),
            im: Float::with_val(bits, &self.im - &o.im),
        }
    }

    fn size(&self) -> Float {
        Float::with_val(self.re.prec(), self.re.hypot_ref(&self.im))
    }
}

/// Approximations at binary64 accuracy, as numbers of `bits` bits.
pub(super) fn propose(f: &Poly, bits: u32) -> Vec<Complex> {
    let coeffs: Vec<Float> = f.coeffs().iter().map(|c| Float::with_val(64, c)).collect();
    let start = starting_points(&coeffs, 64);
    let mut z: Vec<(f64, f64)> = start
        .iter()
        .map(|z| (z.re.to_f64(), z.im.to_f64()))
        .collect();
    let largest = coeffs.iter().filter_map(Float::get_exp).max().unwrap_or(0);
    let scaled: Vec<f64> = coeffs
        .into_iter()
        .map(|c| (c >> largest).to_f64())
        .collect();
    doubles(&scaled, &mut z);
    z.into_iter()
        .zip(start)
        .map(|((re, im), start)| {
            if re.is_finite() && im.is_finite() {
                Complex {
                    re: Float::with_val(bits, re),
                    im: Float::with_val(bits, im),
                }
            } else {
                Complex {
                    re: Float::with_val(bits, start.re),
                    im: Float::with_val(bits, start.im),
                }
            }
        })
        .collect()
}

fn times(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

fn inverse(a: (f64, f64)) -> (f64, f64) {
    let norm = a.0 * a.0 + a.1 * a.1;
    (a.0 / norm, -a.1 / norm)
}

/// Value and slope of `Σ c_j z^j`, the coefficients in the order of Horner's rule.
fn horner<'a>(coeffs: impl Iterator<Item = &'a f64>, z: (f64, f64)) -> ((f64, f64), (f64, f64)) {
    let (mut p, mut d) = ((0.0, 0.0), (0.0, 0.0));
    for c in coeffs {
        d = times(d, z);
        d = (d.0 + p.0, d.1 + p.1);
        p = times(p, z);
        p.0 += c;
    }
    (p, d)
}

/// Aberth's iteration in binary64 (Gauss–Seidel order).
fn doubles(coeffs: &[f64], z: &mut [(f64, f64)]) {
    let n = z.len();
    let mut done = vec![false; n];
    for _ in 0..DOUBLE_ITERATIONS {
        for i in 0..n {
            if done[i] {
                continue;
            }
            let at = z[i];
            // p'/p; outside the circle through the reversed polynomial, so that nothing overflows.
            let logarithmic = if at.0 * at.0 + at.1 * at.1 <= 1.0 {
                let (p, d) = horner(coeffs.iter().rev(), at);
                times(d, inverse(p))
            } else {
                let w = inverse(at);
                let (q, d) = horner(coeffs.iter(), w);
                let part = times(w, times(d, inverse(q)));
                times(w, (n as f64 - part.0, -part.1))
            };
            let mut sum = (0.0, 0.0);
            for (j, other) in z.iter().enumerate() {
                if i != j {
                    let gap = inverse((at.0 - other.0, at.1 - other.1));
                    sum = (sum.0 + gap.0, sum.1 + gap.1);
                }
            }
            let step = inverse((logarithmic.0 - sum.0, logarithmic.1 - sum.1));
            if !(step.0.is_finite() && step.1.is_finite()) {
                done[i] = true;
                continue;
            }
            z[i] = (at.0 - step.0, at.1 - step.1);
            let size = |x: (f64, f64)| x.0.abs() + x.1.abs();
            done[i] = size(step) <= 1e-15 * size(at);
        }
        if done.iter().all(|&d| d) {
            break;
        }
    }
}

/// Continues the iteration at `bits` bits.
pub(super) fn improve(f: &Poly, z: &mut [Complex], bits: u32) {
    let coeffs: Vec<Float> = f
        .coeffs()
        .iter()
        .map(|c| Float::with_val(bits, c))
        .collect();
    for x in z.iter_mut() {
        x.re.set_prec(bits);
        x.im.set_prec(bits);
    }
    let n = z.len();
    let mut done = vec![false; n];
    for _ in 0..MAX_ITERATIONS {
        for i in 0..n {
            if done[i] {
                continue;
            }
            let (mut p, mut d) = (Complex::zero(bits), Complex::zero(bits));
            for c in coeffs.iter().rev() {
                d = d.mul(&z[i]);
                d.re += &p.re;
                d.im += &p.im;
                p = p.mul(&z[i]);
                p.re += c;
            }
            if p.re.is_zero() && p.im.is_zero() {
                done[i] = true;
                continue;
            }
            // step = 1 / (p'/p − Σ 1/(z_i − z_j))
            let mut sum = (Float::new(64), Float::new(64));
            for (j, other) in z.iter().enumerate() {
                if i != j {
                    // The difference needs full precision, its reciprocal does not.
                    let re = Float::with_val(64, &z[i].re - &other.re);
                    let im = Float::with_val(64, &z[i].im - &other.im);
                    let (a, b) = (re.to_f64(), im.to_f64());
                    let norm = a * a + b * b;
                    if norm > 1e-280 && norm < 1e280 {
                        sum.0 += a / norm;
                        sum.1 -= b / norm;
                    } else {
                        let inverse = Complex { re, im }.recip();
                        sum.0 += inverse.re;
                        sum.1 += inverse.im;
                    }
                }
            }
            let quotient = d.mul(&p.recip());
            let step = quotient
                .sub(&Complex {
                    re: sum.0,
                    im: sum.1,
                })
                .recip();
            if !(step.re.is_finite() && step.im.is_finite()) {
                continue;
            }
            z[i] = z[i].sub(&step);
            // A step this small leaves an error of about its square; 16 bits are left for the
            // rounding of the evaluation. certify() decides anyway.
            done[i] = step.size() << (bits as i32 - 16) <= z[i].size();
        }
        if done.iter().all(|&d| d) {
            break;
        }
    }
}

/// Points on the circles given by the upper hull of `(j, ln |c_j|)`.
fn starting_points(coeffs: &[Float], bits: u32) -> Vec<Complex> {
    let log = |c: &Float| Float::with_val(64, c.abs_ref()).ln().to_f64();
    let mut hull: Vec<(usize, f64)> = Vec::new();
    for (j, c) in coeffs.iter().enumerate().filter(|(_, c)| !c.is_zero()) {
        let point = (j, log(c));
        while let [.., a, b] = hull.as_slice() {
            let slope = |p: &(usize, f64), q: &(usize, f64)| (q.1 - p.1) / (q.0 - p.0) as f64;
            if slope(a, b) > slope(b, &point) {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    let mut points = Vec::with_capacity(coeffs.len() - 1);
    for (edge, pair) in hull.windows(2).enumerate() {
        let (a, b) = (pair[0], pair[1]);
        let count = b.0 - a.0;
        let radius = Float::with_val(bits, (a.1 - b.1) / count as f64).exp();
        for i in 0..count {
            // The offset 0.7 keeps the points off the symmetry axis of real polynomials.
            let angle = std::f64::consts::TAU * i as f64 / count as f64 + 0.7 + edge as f64 * 0.41;
            let (sin, cos) = Float::with_val(bits, angle).sin_cos(Float::new(bits));
            points.push(Complex {
                re: cos * &radius,
                im: sin * &radius,
            });
        }
    }
    points
}
