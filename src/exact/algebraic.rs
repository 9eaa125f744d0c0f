//! Real algebraic numbers for people: small defining polynomials, radicals, decimals.
//!
//! Isolation returns a root together with the polynomial it was asked about, which is often a large
//! resultant. [`simplify`] looks for a factor of low degree with that root: integer relations of
//! the powers of the root are *proposed* by lattice reduction in floating point and *accepted* only
//! when the proposed polynomial divides the given one exactly and changes sign in the enclosure.
//!
//! # References
//!
//! A. K. Lenstra, H. W. Lenstra, L. Lovász, *Factoring polynomials with rational coefficients*,
//! Math. Ann. 261, 1982.

use rug::Float;

use super::mp::MpInterval;
use super::poly::Poly;
use super::rational::{Integer, Rational};
use super::sturm::{RealRoot, sign_of};

/// The largest degree looked for.
const MAX_DEGREE: usize = 6;
/// Bits of the root per coefficient of the polynomial looked for: enough for coefficients of ten digits.
const BITS_EACH: u32 = 40;

/// The same number with a defining polynomial of lower degree where one was found.
pub fn simplify(root: &RealRoot) -> RealRoot {
    let RealRoot::Algebraic { poly, .. } = root else {
        return root.clone();
    };
    let n = poly.degree().unwrap_or(0);
    for degree in 2..n.min(MAX_DEGREE + 1) {
        let bits = BITS_EACH * (degree as u32 + 1);
        let mut x = root.clone();
        x.refine_to(&Rational::from((1, Integer::from(1) << (bits + 8))));
        let RealRoot::Algebraic { lo, hi, .. } = &x else {
            return x;
        };
        let candidate = relation(lo, degree, bits);
        let accepted = candidate.degree() == Some(degree)
            && poly.exact_div(&candidate).is_some()
            && sign_of(&candidate, lo) * sign_of(&candidate, hi) < 0;
        if accepted {
            return RealRoot::Algebraic {
                poly: candidate.primitive(),
                lo: lo.clone(),
                hi: hi.clone(),
            };
        }
    }
    root.clone()
}

/// The polynomial of a short integer relation between `1, x, …, x^degree`.
fn relation(x: &Rational, degree: usize, bits: u32) -> Poly {
    let work = 2 * bits + 128;
    let value = Float::with_val(work, x);
    let mut power = Float::with_val(work, 1);
    let mut basis = Vec::with_capacity(degree + 1);
    for i in 0..=degree {
        let mut row = vec![Integer::new(); degree + 2];
        row[i] = Integer::from(1);
        let scaled = Float::with_val(work, &power << bits);
        row[degree + 1] = scaled.to_integer().unwrap_or_default();
        basis.push(row);
        power *= &value;
    }
    reduce(&mut basis, work);
    Poly::from_big(&basis[0][..=degree]).primitive()
}

/// Lattice reduction with parameter 3/4; orthogonalisation in floating point, the basis exact.
fn reduce(basis: &mut [Vec<Integer>], bits: u32) {
    let n = basis.len();
    let dot = |a: &[Float], b: &[Float]| {
        a.iter().zip(b).fold(Float::new(bits), |s, (x, y)| {
            s + Float::with_val(bits, x * y)
        })
    };
    let mut k = 1;
    let mut steps = 0;
    while k < n && steps < 4000 {
        steps += 1;
        // Gram–Schmidt of the first k + 1 rows; rows are few and short.
        let mut star: Vec<Vec<Float>> = Vec::with_capacity(k + 1);
        let mut size: Vec<Float> = Vec::with_capacity(k + 1);
        let mut mu = vec![Float::new(bits); k];
        for i in 0..=k {
            for _pass in 0..if i == k { 2 } else { 1 } {
                let row: Vec<Float> = basis[i].iter().map(|c| Float::with_val(bits, c)).collect();
                let mut rest = row.clone();
                for j in 0..i {
                    let m = dot(&row, &star[j]) / &size[j];
                    for (r, s) in rest.iter_mut().zip(&star[j]) {
                        *r -= Float::with_val(bits, &m * s);
                    }
                    if i == k {
                        mu[j] = m;
                    }
                }
                if i == k && _pass == 0 {
                    // Size reduction from the last row down, then orthogonalise again.
                    for j in (0..k).rev() {
                        let current: Vec<Float> =
                            basis[k].iter().map(|c| Float::with_val(bits, c)).collect();
                        let m = dot(&current, &star[j]) / &size[j];
                        let factor = m.round().to_integer().unwrap_or_default();
                        if factor != 0 {
                            let (low, high) = basis.split_at_mut(k);
                            for (a, b) in high[0].iter_mut().zip(&low[j]) {
                                *a -= Integer::from(&factor * b);
                            }
                        }
                    }
                    continue;
                }
                size.push(dot(&rest, &rest));
                star.push(rest);
            }
        }
        let square = Float::with_val(bits, mu[k - 1].square_ref());
        let bound = (Float::with_val(bits, 0.75) - square) * &size[k - 1];
        if size[k] >= bound {
            k += 1;
        } else {
            basis.swap(k, k - 1);
            k = (k - 1).max(1);
        }
    }
}

/// An enclosure at `bits` bits, at most about `2^(2 − bits)` wide relative to 1.
pub fn enclose(root: &RealRoot, bits: u32) -> MpInterval {
    let mut x = root.clone();
    x.refine_to(&Rational::from((1, Integer::from(1) << bits)));
    MpInterval::new(bits + 16, x.lo(), x.hi()).expect("ordered ends, a precision within limits")
}

/// The number in words: `p/q`, `(a+b*sqrt(d))/c` for quadratic numbers, else `None`.
pub fn in_radicals(root: &RealRoot) -> Option<String> {
    let (poly, lo) = match root {
        RealRoot::Rational(x) => return Some(x.to_string()),
        RealRoot::Algebraic { poly, lo, .. } => (poly, lo),
    };
    if poly.degree() != Some(2) {
        return None;
    }
    let c = poly.primitive().primitive_integers();
    // c₂x² + c₁x + c₀ with c₂ > 0: x = (−c₁ ± √(c₁² − 4c₀c₂))/(2c₂).
    let discriminant = Integer::from(c[1].square_ref()) - Integer::from(&c[0] * &c[2]) * 4_u32;
    let (mut outside, mut inside) = (Integer::from(1), discriminant);
    let mut f = Integer::from(2);
    while Integer::from(f.square_ref()) <= inside && f < 10_000 {
        let square = Integer::from(f.square_ref());
        if inside.is_divisible(&square) {
            inside.div_exact_mut(&square);
            outside *= &f;
        } else {
            f += 1;
        }
    }
    let vertex = Rational::from((-c[1].clone(), Integer::from(&c[2] * 2_u32)));
    let plus = *lo >= vertex || {
        // The enclosure may straddle the vertex: its lower end decides by the sign there.
        sign_of(poly, lo) < 0
    };
    let (mut a, mut b, mut d) = (-c[1].clone(), outside, Integer::from(&c[2] * 2_u32));
    let common = Integer::from(a.gcd_ref(&b)).gcd(&d);
    a.div_exact_mut(&common);
    b.div_exact_mut(&common);
    d.div_exact_mut(&common);
    let surd = if b == 1 {
        format!("sqrt({inside})")
    } else {
        format!("{b}*sqrt({inside})")
    };
    let sign = if plus { "+" } else { "-" };
    let sum = match (a == 0, plus) {
        (true, true) => surd,
        (true, false) => format!("-{surd}"),
        _ => format!("{a}{sign}{surd}"),
    };
    Some(match (d == 1, a == 0) {
        (true, _) => sum,
        (false, true) => format!("{sum}/{d}"),
        (false, false) => format!("({sum})/{d}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::sturm::isolate;

    #[test]
    fn golden_ratio_in_a_product() {
        let p = &(&Poly::from_integers(&[-1, -1, 1]) * &Poly::from_integers(&[-2, 0, 0, 1]))
            * &Poly::from_integers(&[3, 0, 5, 0, 0, 1]);
        let root = isolate(&p).pop().expect("the golden ratio is the largest");
        let simple = simplify(&root);
        assert_eq!(in_radicals(&simple).as_deref(), Some("(1+sqrt(5))/2"));
        let [lo, hi] = enclose(&simple, 128).to_decimal(30);
        assert!(lo.starts_with("1.6180339887498948482045868343") && hi.starts_with("1.618"));
    }

    #[test]
    fn both_branches_and_scales() {
        let words = |c: &[i64]| -> Vec<String> {
            let roots = isolate(&Poly::from_integers(c));
            roots
                .iter()
                .map(|r| in_radicals(r).expect("quadratic"))
                .collect()
        };
        assert_eq!(words(&[-1, -2, 1]), ["1-sqrt(2)", "1+sqrt(2)"]);
        assert_eq!(words(&[-8, 0, 1]), ["-2*sqrt(2)", "2*sqrt(2)"]);
        assert_eq!(words(&[-3, 0, 4]), ["-sqrt(3)/2", "sqrt(3)/2"]);
    }
}
