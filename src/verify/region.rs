//! Input sets.

use serde::{Deserialize, Serialize};

use crate::exact::Rational;
use crate::rounding::Interval;

/// The norm of a perturbation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// largest absolute value
    Linf,
    /// Euclidean
    L2,
    /// sum of absolute values
    L1,
}

impl Norm {
    /// Every norm, in the order of the command line.
    pub const ALL: [Norm; 3] = [Norm::Linf, Norm::L2, Norm::L1];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Norm::Linf => "linf",
            Norm::L2 => "l2",
            Norm::L1 => "l1",
        }
    }
}

/// Why a region is not valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// The centre has an element that is not finite.
    #[error("centre: element {index} is {value}, it must be finite")]
    NotFinite {
        /// flat index
        index: usize,
        /// the element
        value: f32,
    },
    /// The radius is negative.
    #[error("radius {eps} is negative")]
    Negative {
        /// the radius
        eps: Rational,
    },
    /// The clip range is empty.
    #[error("clip range [{lo}, {hi}] is empty")]
    EmptyClip {
        /// lower end
        lo: Rational,
        /// upper end
        hi: Rational,
    },
    /// The centre is not in the clip range.
    #[error("centre: element {index} is {value}, outside the clip range [{lo}, {hi}]")]
    Outside {
        /// flat index
        index: usize,
        /// the element
        value: f32,
        /// lower end
        lo: Rational,
        /// upper end
        hi: Rational,
    },
}

/// The closed set `{x : ‖x - centre‖ <= eps}`, cut with `[lo, hi]^n` where a
/// clip range is given. Centre, radius and range are exact numbers; the set is
/// not empty, because the centre belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    center: Vec<f32>,
    norm: Norm,
    eps: Rational,
    clip: Option<(Rational, Rational)>,
}

impl Region {
    /// A ball, cut with `clip`. Errors when an element is not finite or lies
    /// outside the range, the radius is negative, or the range is empty.
    pub fn new(
        center: Vec<f32>,
        norm: Norm,
        eps: Rational,
        clip: Option<(Rational, Rational)>,
    ) -> Result<Region, RegionError> {
        if eps < 0 {
            return Err(RegionError::Negative { eps });
        }
        if let Some((lo, hi)) = &clip
            && lo > hi
        {
            return Err(RegionError::EmptyClip {
                lo: lo.clone(),
                hi: hi.clone(),
            });
        }
        for (index, &value) in center.iter().enumerate() {
            let Some(x) = Rational::from_f32(value) else {
                return Err(RegionError::NotFinite { index, value });
            };
            if let Some((lo, hi)) = &clip
                && (x < *lo || x > *hi)
            {
                return Err(RegionError::Outside {
                    index,
                    value,
                    lo: lo.clone(),
                    hi: hi.clone(),
                });
            }
        }
        Ok(Region {
            center,
            norm,
            eps,
            clip,
        })
    }

    /// A ball cut with `[0, 1]^n`: perturbed images.
    pub fn unit(center: Vec<f32>, norm: Norm, eps: Rational) -> Result<Region, RegionError> {
        Region::new(
            center,
            norm,
            eps,
            Some((Rational::new(), Rational::from(1))),
        )
    }

    /// The same set with another radius.
    pub fn with_eps(&self, eps: Rational) -> Result<Region, RegionError> {
        if eps < 0 {
            return Err(RegionError::Negative { eps });
        }
        Ok(Region {
            eps,
            ..self.clone()
        })
    }

    /// The centre.
    pub fn center(&self) -> &[f32] {
        &self.center
    }

    /// The norm.
    pub fn norm(&self) -> Norm {
        self.norm
    }

    /// The radius.
    pub fn eps(&self) -> &Rational {
        &self.eps
    }

    /// The clip range.
    pub fn clip(&self) -> Option<&(Rational, Rational)> {
        self.clip.as_ref()
    }

    /// Number of elements.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.center.len()
    }

    /// `[lo, hi]` of element `i`, exact; every norm's ball lies in the box of
    /// half-width `eps`.
    ///
    /// # Panics
    /// If `i` is not an element.
    pub fn range(&self, i: usize) -> (Rational, Rational) {
        let c = Rational::from_f32(self.center[i]).expect("a centre is finite");
        let (mut lo, mut hi) = (Rational::from(&c - &self.eps), c + &self.eps);
        if let Some((a, b)) = &self.clip {
            if lo < *a {
                lo.clone_from(a);
            }
            if hi > *b {
                hi.clone_from(b);
            }
        }
        (lo, hi)
    }

    /// The smallest box of doubles around the set, `(lo, hi)`.
    pub fn outer_box(&self) -> (Vec<f64>, Vec<f64>) {
        (0..self.len())
            .map(|i| {
                let (lo, hi) = self.range(i);
                (
                    Interval::from_rational(&lo).lo(),
                    Interval::from_rational(&hi).hi(),
                )
            })
            .unzip()
    }

    /// Whether the exact point belongs to the set.
    pub fn contains(&self, x: &[Rational]) -> bool {
        if x.len() != self.len() {
            return false;
        }
        let mut total = Rational::new();
        for (x, &c) in x.iter().zip(&self.center) {
            if let Some((lo, hi)) = &self.clip
                && (x < lo || x > hi)
            {
                return false;
            }
            let d = (x - Rational::from_f32(c).expect("a centre is finite")).abs();
            match self.norm {
                Norm::Linf if d > self.eps => return false,
                Norm::Linf => {}
                Norm::L1 => total += d,
                Norm::L2 => total += d.square(),
            }
        }
        match self.norm {
            Norm::Linf => true,
            Norm::L1 => total <= self.eps,
            Norm::L2 => total <= self.eps.clone().square(),
        }
    }

    /// Whether the point of binary32 numbers, read exactly, belongs to the set.
    pub fn contains_f32(&self, x: &[f32]) -> bool {
        let exact: Option<Vec<Rational>> = x.iter().map(|&v| Rational::from_f32(v)).collect();
        exact.is_some_and(|x| self.contains(&x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(p: i64, d: u64) -> Rational {
        Rational::from((p, d))
    }

    #[test]
    fn membership_is_exact() {
        let at = |norm| Region::unit(vec![0.5, 0.5], norm, q(1, 10)).unwrap();
        let corner = [q(6, 10), q(6, 10)];
        assert!(at(Norm::Linf).contains(&corner));
        assert!(!at(Norm::L2).contains(&corner) && !at(Norm::L1).contains(&corner));
        let pythagoras = [q(1, 2) + q(6, 100), q(1, 2) - q(8, 100)];
        assert!(at(Norm::L2).contains(&pythagoras));
        assert!(!at(Norm::L2).contains(&[q(1, 2) + q(6, 100), q(1, 2) - q(80001, 1_000_000)]));
        // 0.6 as binary32 is above 3/5
        assert!(!at(Norm::Linf).contains_f32(&[0.6, 0.5]));
        assert!(!at(Norm::Linf).contains_f32(&[f32::NAN, 0.5]) && !at(Norm::Linf).contains(&[]));
    }

    #[test]
    fn outer_box_is_clipped_and_outward() {
        let r = Region::unit(vec![0.0, 0.5, 1.0], Norm::L2, q(1, 3)).unwrap();
        let (lo, hi) = r.outer_box();
        assert_eq!((lo[0], hi[2]), (0.0, 1.0));
        for i in 0..3 {
            let (a, b) = r.range(i);
            assert!(Rational::from_f64(lo[i]).unwrap() <= a);
            assert!(Rational::from_f64(hi[i]).unwrap() >= b);
        }
        assert_eq!(hi[0].next_down(), Interval::from_rational(&q(1, 3)).lo());
    }

    #[test]
    fn bad_regions_are_refused() {
        let new = |c: f32, eps, clip| Region::new(vec![c], Norm::Linf, eps, clip);
        assert!(matches!(
            new(f32::NAN, q(0, 1), None),
            Err(RegionError::NotFinite { index: 0, .. })
        ));
        assert!(matches!(
            new(0.0, q(-1, 2), None),
            Err(RegionError::Negative { .. })
        ));
        assert!(matches!(
            new(0.0, q(1, 2), Some((q(1, 1), q(0, 1)))),
            Err(RegionError::EmptyClip { .. })
        ));
        assert!(matches!(
            new(2.0, q(1, 2), Some((q(0, 1), q(1, 1)))),
            Err(RegionError::Outside { .. })
        ));
    }
}
