//! Learning rate, radius and weights as functions of time.

use super::config::{Ramp, Schedule};

/// What a training step is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// learning rate
    pub lr: f64,
    /// radius ε of the ball
    pub eps: f64,
    /// weight κ of the clean loss
    pub kappa: f64,
}

/// Fraction of the final ε at the fraction `t` of the ramp. The smooth ramp is
/// `A t⁴` up to `m = 1/4`, then linear with matched slope,
/// `A = 1 / ((1 - m) 4 m³ + m⁴)`.
fn ramp(shape: Ramp, t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    match shape {
        Ramp::Linear => t,
        Ramp::Smooth => {
            let m = 0.25;
            let slope = 4.0 * m * m * m;
            let a = 1.0 / ((1.0 - m) * slope + m * m * m * m);
            if t < m {
                a * t * t * t * t
            } else {
                a * (m * m * m * m + slope * (t - m))
            }
        }
    }
}

impl Schedule {
    /// The rates at `epoch`, a real number in `[0, epochs]`.
    pub fn rates(&self, epoch: f64) -> Rates {
        let epochs = self.epochs as f64;
        let hold = self.lr_hold * epochs;
        let lr = if epoch <= hold {
            self.lr
        } else {
            self.lr * ((epochs - epoch) / (epochs - hold)).max(0.0)
        };
        let since = epoch - self.warmup as f64;
        let t = if self.ramp == 0 {
            f64::from(since >= 0.0)
        } else {
            (since / self.ramp as f64).clamp(0.0, 1.0)
        };
        Rates {
            lr,
            eps: self.eps * ramp(self.ramp_shape, t),
            kappa: 1.0 - (1.0 - self.kappa) * t,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the smooth schedule with `T = 100`, `m = 25`.
    #[test]
    fn smooth_ramp_has_the_published_values() {
        for (t, value) in [
            (0.10, 0.001969),
            (0.25, 0.076923),
            (0.50, 0.384615),
            (0.75, 0.692308),
            (1.00, 1.0),
        ] {
            assert!((ramp(Ramp::Smooth, t) - value).abs() < 1e-6, "t = {t}");
        }
    }

    #[test]
    fn rates_start_clean_and_end_at_zero_learning_rate() {
        let s = Schedule {
            eps: 0.1,
            warmup: 2,
            ramp: 10,
            epochs: 20,
            kappa: 0.25,
            ..Schedule::default()
        };
        let start = s.rates(0.0);
        assert_eq!((start.lr, start.eps, start.kappa), (s.lr, 0.0, 1.0));
        let end = s.rates(20.0);
        assert_eq!((end.lr, end.kappa), (0.0, 0.25));
        assert!((end.eps - 0.1).abs() < 1e-15);
    }
}
