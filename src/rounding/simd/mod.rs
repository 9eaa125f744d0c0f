//! Vector kernels: the only unsafe code of the arithmetic. Which instruction
//! set runs is decided at run time, so that one binary serves every machine of
//! its architecture.
//!
//! Every kernel computes plain sums of products in round-to-nearest, in an
//! order and with a fusing of multiplication and addition that depend on the
//! instruction set. The bounds of [`Precision`](super::Precision) hold for all
//! of them: a product in a sum of `n` passes through at most `n` roundings.

#![allow(unsafe_code)]

mod rows;
mod tile;

pub use rows::RowLines;
pub(super) use rows::{relax, weigh};
pub use tile::Element;
pub(crate) use tile::Offsets;
pub(super) use tile::{ROWS, VECTORS, sealed};

/// The instruction set in use. `Avx2` exists only where the processor was seen
/// to have AVX2 and FMA, `Avx512` where it has AVX-512F besides, which is what
/// makes the calls below sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// The best one of this machine.
    #[inline]
    pub(super) fn detect() -> Isa {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
        {
            return if std::arch::is_x86_feature_detected!("avx512f") {
                Isa(Kind::Avx512)
            } else {
                Isa(Kind::Avx2)
            };
        }
        Isa::PORTABLE
    }

    /// Code without special instructions.
    pub(super) const PORTABLE: Isa = Isa(Kind::Portable);

    /// Every one this machine has.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Isa> {
        let mut all = vec![Isa::PORTABLE];
        #[cfg(target_arch = "x86_64")]
        match Isa::detect().0 {
            Kind::Avx512 => all.extend([Isa(Kind::Avx2), Isa(Kind::Avx512)]),
            Kind::Avx2 => all.push(Isa(Kind::Avx2)),
            Kind::Portable => {}
        }
        all
    }
}
