//! Complex numbers with interval parts.

use crate::exact::MpInterval;

/// The rectangle `re + i im`.
#[derive(Debug, Clone)]
pub(super) struct Box2 {
    /// Real part.
    pub re: MpInterval,
    /// Imaginary part.
    pub im: MpInterval,
}

impl Box2 {
    /// Product.
    pub fn mul(&self, other: &Self) -> Self {
        Self {
            re: self.re.mul(&other.re).sub(&self.im.mul(&other.im)),
            im: self.re.mul(&other.im).add(&self.im.mul(&other.re)),
        }
    }

    /// Sum.
    pub fn add(&self, other: &Self) -> Self {
        Self {
            re: self.re.add(&other.re),
            im: self.im.add(&other.im),
        }
    }

    /// Difference.
    pub fn sub(&self, other: &Self) -> Self {
        Self {
            re: self.re.sub(&other.re),
            im: self.im.sub(&other.im),
        }
    }

    /// `1/z`; `None` where 0 is not excluded.
    pub fn recip(&self) -> Option<Self> {
        let norm = self.norm_square();
        Some(Self {
            re: self.re.div(&norm).ok()?,
            im: self.im.neg().div(&norm).ok()?,
        })
    }

    /// `|z|²`.
    pub fn norm_square(&self) -> MpInterval {
        self.re.square().add(&self.im.square())
    }
}
