//! Greatest common divisors of integer polynomials through their images modulo primes.
//!
//! Remainder sequences over ℤ have coefficients of quadratic size; images modulo 31-bit primes have
//! none. For a prime `p` that divides neither leading coefficient the degree of the gcd modulo `p`
//! is at least the true one, so **one** image of degree 0 proves coprimality. Otherwise images are
//! combined (Chinese remainders) until a candidate divides both operands: a common divisor of at
//! least the true degree is the gcd. Nothing here is probabilistic: bad primes cost time only.
//!
//! # References
//!
//! W. S. Brown, *On Euclid's algorithm and the computation of polynomial greatest common
//! divisors*, J. ACM 18, 1971; J. von zur Gathen, J. Gerhard, *Modern Computer Algebra*, 6.7.

use super::poly::make_primitive;
use super::rational::Integer;

/// Primes from just below `2^31` downwards.
pub(super) fn primes() -> impl Iterator<Item = u32> {
    (0..)
        .map(|i| 0x7fff_ffff_u32 - 2 * i)
        .filter(|&n| is_prime(n))
}

/// Miller–Rabin with the bases 2, 3, 5, 7, which decide every number below `3.2·10^9`.
fn is_prime(n: u32) -> bool {
    let n = u64::from(n);
    let (odd, twos) = (
        (n - 1) >> (n - 1).trailing_zeros(),
        (n - 1).trailing_zeros(),
    );
    [2_u64, 3, 5, 7].iter().all(|&base| {
        let mut x = power(base, odd, n);
        if x == 1 || x == n - 1 {
            return true;
        }
        for _ in 1..twos {
            x = x * x % n;
            if x == n - 1 {
                return true;
            }
        }
        false
    })
}

fn power(base: u64, mut exponent: u64, p: u64) -> u64 {
    let (mut value, mut square) = (1, base % p);
    while exponent > 0 {
        if exponent & 1 == 1 {
            value = value * square % p;
        }
        square = square * square % p;
        exponent >>= 1;
    }
    value
}

pub(super) fn inverse(x: u64, p: u64) -> u64 {
    power(x, p - 2, p)
}

/// The image modulo `p`, top zeros dropped.
pub(super) fn image(a: &[Integer], p: u32) -> Vec<u64> {
    let mut list: Vec<u64> = a.iter().map(|c| u64::from(c.mod_u(p))).collect();
    while list.last() == Some(&0) {
        list.pop();
    }
    list
}

/// The monic gcd over the field of `p` elements.
fn gcd_mod(mut a: Vec<u64>, mut b: Vec<u64>, p: u64) -> Vec<u64> {
    if a.len() < b.len() {
        std::mem::swap(&mut a, &mut b);
    }
    while !b.is_empty() {
        let lead = inverse(*b.last().expect("not empty"), p);
        while a.len() >= b.len() {
            let top = a.pop().expect("not empty") * lead % p;
            if top != 0 {
                let shift = a.len() + 1 - b.len();
                for (j, c) in b[..b.len() - 1].iter().enumerate() {
                    a[shift + j] = (a[shift + j] + (p - top) * c) % p;
                }
            }
        }
        while a.last() == Some(&0) {
            a.pop();
        }
        std::mem::swap(&mut a, &mut b);
    }
    if let Some(&lead) = a.last() {
        let factor = inverse(lead, p);
        for c in &mut a {
            *c = *c * factor % p;
        }
    }
    a
}

/// Whether two polynomials, not both zero, are proved coprime by their images modulo a few primes.
/// `false` proves nothing.
pub(super) fn coprime(a: &[Integer], b: &[Integer]) -> bool {
    good(a, b)
        .take(2)
        .any(|p| gcd_mod(image(a, p), image(b, p), p.into()).len() == 1)
}

/// Primes that divide neither leading coefficient.
fn good<'a>(a: &'a [Integer], b: &'a [Integer]) -> impl Iterator<Item = u32> + 'a {
    let keeps = |list: &[Integer], p: u32| list.last().is_none_or(|c| c.mod_u(p) != 0);
    primes().filter(move |&p| keeps(a, p) && keeps(b, p))
}

/// The primitive gcd of two non-zero primitive polynomials, low degree first, up to sign.
pub(super) fn gcd(a: &[Integer], b: &[Integer]) -> Vec<Integer> {
    let (Some(top_a), Some(top_b)) = (a.last(), b.last()) else {
        return Vec::new();
    };
    // The leading coefficient of the gcd divides this, so c · gcd has it as its own.
    let lead = Integer::from(top_a.gcd_ref(top_b));
    let (mut sum, mut modulus) = (Vec::<Integer>::new(), Integer::from(1));
    for p in good(a, b) {
        let q = u64::from(p);
        let mut g = gcd_mod(image(a, p), image(b, p), q);
        if g.len() == 1 {
            return vec![Integer::from(1)];
        }
        let scale = u64::from(lead.mod_u(p));
        for c in &mut g {
            *c = *c * scale % q;
        }
        if sum.is_empty() || g.len() < sum.len() {
            // A first image, or all earlier primes were bad.
            sum = g.into_iter().map(Integer::from).collect();
            modulus = Integer::from(p);
            continue;
        }
        if g.len() > sum.len() {
            continue;
        }
        let factor = inverse(u64::from(modulus.mod_u(p)), q);
        let mut changed = false;
        let half = Integer::from(&modulus / 2_u32);
        let next = Integer::from(&modulus * p);
        for (s, c) in sum.iter_mut().zip(g) {
            // The symmetric representative is what settles.
            if *s > half {
                *s -= &modulus;
            }
            let old = u64::from(s.mod_u(p));
            let step = (c + q - old) % q * factor % q;
            if step != 0 {
                changed = true;
                *s += Integer::from(&modulus * step);
            }
            if *s < 0 {
                *s += &next;
            }
        }
        modulus = next;
        if !changed {
            let half = Integer::from(&modulus / 2_u32);
            let mut candidate: Vec<Integer> = sum
                .iter()
                .map(|s| {
                    if *s > half {
                        Integer::from(s - &modulus)
                    } else {
                        s.clone()
                    }
                })
                .collect();
            make_primitive(&mut candidate);
            if divides(&candidate, a) && divides(&candidate, b) {
                return candidate;
            }
        }
    }
    unreachable!("finitely many primes are bad")
}

/// Whether the primitive `d` divides `a` over ℤ.
pub(super) fn divides(d: &[Integer], a: &[Integer]) -> bool {
    quotient(a, d).is_some()
}

/// The quotient of a division over ℤ, where it leaves no remainder.
pub(super) fn quotient(a: &[Integer], d: &[Integer]) -> Option<Vec<Integer>> {
    let lead = d.last()?;
    if a.len() < d.len() {
        return a.is_empty().then(Vec::new);
    }
    let mut rest = a.to_vec();
    let mut list = vec![Integer::new(); a.len() + 1 - d.len()];
    for s in (0..list.len()).rev() {
        let top = rest.pop()?;
        if top == 0 {
            continue;
        }
        if !top.is_divisible(lead) {
            return None;
        }
        let q = top.div_exact(lead);
        for (j, c) in d[..d.len() - 1].iter().enumerate() {
            rest[s + j] -= Integer::from(c * &q);
        }
        list[s] = q;
    }
    rest.iter().all(|c| *c == 0).then_some(list)
}

/// Whether some small prime shows that the polynomial has no rational root: a root `u/v` in lowest
/// terms has `v` dividing the leading coefficient, so it would be a root modulo every prime that
/// does not divide that. `false` proves nothing.
pub(super) fn no_rational_root(a: &[Integer]) -> bool {
    let Some(lead) = a.last() else { return false };
    let small = (3_u32..400).step_by(2).filter(|&p| {
        (3..p)
            .step_by(2)
            .take_while(|d| d * d <= p)
            .all(|d| p % d != 0)
    });
    small.filter(|&p| lead.mod_u(p) != 0).any(|p| {
        let list = image(a, p);
        let q = u64::from(p);
        (0..q).all(|x| list.iter().rev().fold(0, |v, c| (v * x + c) % q) != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::Poly;

    #[test]
    fn known_primes() {
        let list: Vec<u32> = primes().take(3).collect();
        assert_eq!(list, [2_147_483_647, 2_147_483_629, 2_147_483_587]);
    }

    #[test]
    fn gcd_of_large_products() {
        // (x² − 10^30 x + 7)(3x³ + 10^25) against (x² − 10^30 x + 7)(5x⁴ − 1).
        let big = |e: u32| Integer::from(Integer::u_pow_u(10, e));
        let common = Poly::from_big(&[7.into(), -big(30), 1.into()]);
        let a = &common * &Poly::from_big(&[big(25), 0.into(), 0.into(), 3.into()]);
        let b = &common * &Poly::from_integers(&[-1, 0, 0, 0, 5]);
        let g = gcd(&a.primitive_integers(), &b.primitive_integers());
        assert_eq!(Poly::from_big(&g).monic(), common);
        assert!(!coprime(&a.primitive_integers(), &b.primitive_integers()));
        assert!(coprime(
            &a.primitive_integers(),
            &[1.into(), 0.into(), 1.into()]
        ));
    }

    #[test]
    fn rational_roots() {
        let p = |c: &[i64]| Poly::from_integers(c).primitive_integers();
        assert!(no_rational_root(&p(&[-2, 0, 1])));
        assert!(!no_rational_root(&p(&[-4, 0, 1])));
        assert!(!no_rational_root(&p(&[-4, 3])));
        // Reducible, no rational root, but a root modulo every prime: not decided here.
        assert!(!no_rational_root(&p(&[-36, 0, 36, 0, -11, 0, 1])));
    }
}
