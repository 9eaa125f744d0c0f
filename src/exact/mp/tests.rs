use super::*;
use proptest::prelude::*;

fn q(p: i64, d: i64) -> Rational {
    Rational::from((p, d))
}

fn point(x: &Rational) -> MpInterval {
    MpInterval::from_rational(64, x).expect("precision in range")
}

#[test]
fn constructors_check() {
    assert!(matches!(
        MpInterval::new(53, &q(1, 1), &q(0, 1)),
        Err(Error::Empty { .. })
    ));
    assert!(matches!(
        MpInterval::from_f64(53, f64::NAN),
        Err(Error::NotFinite { .. })
    ));
    assert!(matches!(
        MpInterval::from_f64(0, 1.0),
        Err(Error::Precision { bits: 0 })
    ));
    let third = MpInterval::from_rational(24, &q(1, 3)).expect("precision in range");
    assert!(third.lo() < third.hi() && third.contains(&q(1, 3)));
}

#[test]
fn domains() {
    let x = MpInterval::new(53, &q(-1, 1), &q(1, 1)).expect("ordered");
    assert!(x.sqrt().is_err() && x.ln().is_err() && x.atanh().is_err());
    assert!(point(&q(1, 1)).div(&x).is_err());
    let zero = point(&q(0, 1));
    assert!(zero.ln().is_err() && zero.sqrt().is_ok() && point(&q(1, 1)).atanh().is_err());
}

#[test]
fn unbounded_ends_never_become_nan() {
    let huge = MpInterval::from_f64_bounds(53, -1e300, 1e300).expect("ordered");
    let mut wide = huge.exp();
    for _ in 0..70 {
        wide = wide.square().add(&huge);
    }
    assert!(!wide.hi().is_nan() && wide.hi().is_infinite());
    let zero = point(&q(0, 1));
    assert_eq!(zero.mul(&wide), zero);
    let diff = wide.sub(&wide);
    assert!(diff.lo().is_infinite() && diff.hi().is_infinite() && diff.contains(&q(0, 1)));
    assert!(wide.sigmoid().hi() == &1 && wide.tanh().hi() == &1);
    assert!(!wide.neg().softplus().lo().is_nan());
}

#[test]
fn decimal_spelling() {
    let d = |p, r| point(&q(p, r)).to_decimal(6);
    assert_eq!(d(0, 1), ["0", "0"]);
    assert_eq!(d(1, 1), ["1", "1"]);
    assert_eq!(d(-1, 2), ["-0.5", "-0.5"]);
    assert_eq!(d(1, 3), ["0.333333", "0.333334"]);
    assert_eq!(d(-1, 3), ["-0.333334", "-0.333333"]);
    assert_eq!(d(100, 1), ["100", "100"]);
    assert_eq!(d(493, 4), ["123.25", "123.25"]);
    assert_eq!(d(1, 1 << 20), ["9.53674e-7", "9.53675e-7"]);
    assert_eq!(d(1 << 60, 1), ["1.15292e18", "1.15293e18"]);
    assert_eq!(d(1, 1024), ["0.000976562", "0.000976563"]);
    assert_eq!(d(1, 64), ["0.015625", "0.015625"]);
}

proptest! {
    #[test]
    fn arithmetic_contains(a in -99_i64..99, b in 1_i64..99, c in -99_i64..99, d in 1_i64..99,
                           w in 0_i64..9, bits in 2_u32..40) {
        let (x, y, w) = (q(a, b), q(c, d), q(w, 7));
        let ix = MpInterval::new(bits, &x, &(x.clone() + &w)).expect("ordered");
        let iy = MpInterval::new(bits, &(y.clone() - &w), &y).expect("ordered");
        prop_assert!(ix.add(&iy).contains(&(x.clone() + &y)));
        prop_assert!(ix.sub(&iy).contains(&(x.clone() - &y)));
        prop_assert!(ix.mul(&iy).contains(&(x.clone() * &y)));
        prop_assert!(ix.square().contains(&x.clone().square()));
        prop_assert!(ix.hull(&iy).contains(&x) && ix.hull(&iy).contains(&y));
        if let Ok(quotient) = ix.div(&iy) {
            prop_assert!(quotient.contains(&(x / y)));
        }
    }

    #[test]
    fn functions_contain_a_sharper_evaluation(a in -400_i64..400, b in 1_i64..99) {
        let x = q(a, b);
        let narrow = |bits| MpInterval::from_rational(bits, &x).expect("precision in range");
        let (coarse, fine) = (narrow(30), narrow(200));
        for f in [MpInterval::exp, MpInterval::tanh, MpInterval::sigmoid, MpInterval::softplus] {
            let (outer, inner) = (f(&coarse), f(&fine));
            prop_assert!(outer.encloses(&inner) && inner.lo() < inner.hi() || a == 0);
        }
        for f in [MpInterval::sqrt, MpInterval::ln, MpInterval::atanh] {
            if let (Ok(outer), Ok(inner)) = (f(&coarse), f(&fine)) {
                prop_assert!(outer.encloses(&inner));
            }
        }
    }

    #[test]
    fn decimals_are_outward(a in any::<i64>(), b in 1_i64..i64::MAX, digits in 2_usize..25) {
        let x = MpInterval::from_rational(100, &q(a, b)).expect("precision in range");
        let [lo, hi] = x.to_decimal(digits);
        let (lo, hi) = (rational::parse(&lo).expect("decimal"), rational::parse(&hi).expect("decimal"));
        prop_assert!(lo <= q(a, b) && q(a, b) <= hi);
    }
}
