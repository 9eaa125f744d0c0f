//! A closed interval of reals with binary64 ends.

/// A non-empty closed interval `[lo, hi]` of real numbers. The ends may be
/// infinite; neither is NaN and `lo <= hi` (checked by the constructors).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    lo: f64,
    hi: f64,
}

impl Interval {
    /// The whole real line: what every failed enclosure widens to.
    pub const ENTIRE: Interval = Interval {
        lo: f64::NEG_INFINITY,
        hi: f64::INFINITY,
    };

    /// `[lo, hi]`, or `None` if an end is NaN or `lo > hi`.
    pub fn new(lo: f64, hi: f64) -> Option<Interval> {
        (lo <= hi).then_some(Interval { lo, hi })
    }

    /// The lower end.
    pub fn lo(self) -> f64 {
        self.lo
    }

    /// The upper end.
    pub fn hi(self) -> f64 {
        self.hi
    }
}
