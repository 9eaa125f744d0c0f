//! Numerical solvers of initial value problems in binary64: estimates, not bounds.
//!
//! | method | order | steps | for |
//! |---|---|---|---|
//! | [`Method::DormandPrince`] | 5 | fixed or adaptive | non-stiff problems |
//! | [`Method::Adams`] | 4 | fixed or adaptive | non-stiff, expensive right-hand sides |
//! | [`Method::Sdirk`] | 4, L-stable | fixed or adaptive | stiff problems |
//! | [`Method::Bdf`] | 3 | fixed or adaptive | stiff problems |
//!
//! All have dense output and locate events. The driver ([`integrate`]) owns step
//! control, end times, output and events; a method only makes one step.

mod adams;
mod bdf;
mod driver;
mod explicit;
mod newton;
mod sdirk;

pub use driver::integrate;

/// `f(t, y)` written into the last argument.
pub type Rhs<'a> = dyn Fn(f64, &[f64], &mut [f64]) + 'a;
/// The Jacobian of `f` at `(t, y)` times the third argument, written into the last.
pub type JacobianTimes<'a> = dyn Fn(f64, &[f64], &[f64], &mut [f64]) + 'a;

/// Why an integration ended without a solution.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument makes no sense.
    #[error("{what} is {value}, expected {expected}")]
    Argument {
        /// which one
        what: &'static str,
        /// what was given
        value: f64,
        /// what is accepted
        expected: &'static str,
    },
    /// A list has the wrong length.
    #[error("{what} has length {found}, expected {expected}")]
    Length {
        /// which list
        what: &'static str,
        /// its length
        found: usize,
        /// the length wanted
        expected: usize,
    },
    /// The right-hand side or the state stopped being finite.
    #[error("not finite at t = {t}")]
    NotFinite {
        /// the last time with a finite state
        t: f64,
    },
    /// The step fell to the spacing of binary64 numbers: a singularity, or a
    /// tolerance that cannot be met.
    #[error("step {h} is too small at t = {t}")]
    StepTooSmall {
        /// the time reached
        t: f64,
        /// the step
        h: f64,
    },
    /// More steps than [`Options::max_steps`].
    #[error("{steps} steps end at t = {t}")]
    TooManySteps {
        /// the time reached
        t: f64,
        /// the number of steps
        steps: usize,
    },
    /// The equations of an implicit fixed step were not solved.
    #[error("Newton's iteration does not converge at t = {t}")]
    Newton {
        /// the time of the step
        t: f64,
    },
}

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// explicit Runge–Kutta 5(4) of Dormand and Prince with its continuous extension
    /// of order 4
    DormandPrince,
    /// Adams–Bashforth–Moulton, predictor and corrector of order 4 on variable steps
    Adams,
    /// singly diagonally implicit Runge–Kutta 4(3), five stages, L-stable, stiffly
    /// accurate (Hairer and Wanner)
    Sdirk,
    /// backward differentiation of order 3 on variable steps
    Bdf,
}

impl Method {
    /// One of each.
    pub const ALL: [Method; 4] = [
        Method::DormandPrince,
        Method::Adams,
        Method::Sdirk,
        Method::Bdf,
    ];

    /// The order of convergence.
    pub fn order(self) -> u32 {
        match self {
            Method::DormandPrince => 5,
            Method::Adams | Method::Sdirk => 4,
            Method::Bdf => 3,
        }
    }

    /// Its coefficients, where it is a Runge–Kutta method.
    pub fn coefficients(self) -> Option<Coefficients> {
        match self {
            Method::DormandPrince => Some(explicit::coefficients()),
            Method::Sdirk => Some(sdirk::coefficients()),
            _ => None,
        }
    }
}

/// A Runge–Kutta table in binary64.
#[derive(Clone, Debug, PartialEq)]
pub struct Coefficients {
    /// stages × stages
    pub a: Vec<Vec<f64>>,
    /// weights
    pub b: Vec<f64>,
    /// nodes
    pub c: Vec<f64>,
    /// weights of the embedded method
    pub embedded: Vec<f64>,
    /// dense weights: entry `[i][j]` multiplies `θ^(j+1)` in the weight of stage `i`
    pub dense: Option<Vec<Vec<f64>>>,
}

/// How steps are chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Steps {
    /// all of this size (positive, whatever the direction), the last one shorter if need be
    Fixed(f64),
    /// local errors within `relative |y_i| + absolute[i]` in the root mean square;
    /// one absolute tolerance per component
    Adaptive {
        /// relative tolerance
        relative: f64,
        /// absolute tolerances
        absolute: Vec<f64>,
    },
}

/// Which zeros of an event function count, along the direction of integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// from negative to positive
    Rising,
    /// from positive to negative
    Falling,
    /// all
    Both,
}

/// A function of time and state whose zeros are located.
pub struct Event<'a> {
    /// the function
    pub g: &'a dyn Fn(f64, &[f64]) -> f64,
    /// which zeros
    pub crossing: Crossing,
}

/// The initial value problem `y' = f(t, y)`, `y(t0) = y0`, to be solved up to `t1`.
pub struct Problem<'a> {
    /// `f`
    pub rhs: &'a Rhs<'a>,
    /// its Jacobian times a vector; without it implicit methods take differences
    pub jacobian_times: Option<&'a JacobianTimes<'a>>,
    /// start
    pub t0: f64,
    /// end; before `t0` to integrate backward
    pub t1: f64,
    /// initial value
    pub y0: &'a [f64],
}

/// What is wanted of an integration.
pub struct Options<'a> {
    /// step control
    pub steps: Steps,
    /// times at which the solution is wanted, in the direction of integration
    pub output: &'a [f64],
    /// events to locate
    pub events: &'a [Event<'a>],
    /// a limit on the number of steps, rejected ones included
    pub max_steps: usize,
}

impl Options<'_> {
    /// The given steps, no output, no events, at most a million steps.
    pub fn new(steps: Steps) -> Self {
        Options {
            steps,
            output: &[],
            events: &[],
            max_steps: 1_000_000,
        }
    }
}

/// The accepted steps and what was asked for between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// times, the start first
    pub t: Vec<f64>,
    /// states
    pub y: Vec<Vec<f64>>,
    /// states at [`Options::output`]
    pub output: Vec<Vec<f64>>,
    /// (index of the event, time), in the direction of integration
    pub events: Vec<(usize, f64)>,
}

/// One attempted step from `t` with the state at its end.
struct Attempt {
    y: Vec<f64>,
    /// the estimated local error, component by component
    error: Vec<f64>,
    /// coefficients of `θ^k`: `y(t + θ h) = Σ dense[k] θ^k`
    dense: Vec<Vec<f64>>,
}

/// Why a step could not be made; an adaptive driver tries a smaller one.
enum Trouble {
    NotFinite,
    Newton,
}

/// One step of a method.
trait Stepper {
    /// The power of the step in the error estimate.
    fn error_order(&self) -> u32;
    /// The largest ratio of successive steps.
    fn max_growth(&self) -> f64;
    /// A step of size `h` (signed) from the last accepted state.
    fn attempt(&mut self, t: f64, y: &[f64], h: f64) -> Result<Attempt, Trouble>;
    /// The attempt was accepted: `t` and `y` are its end.
    fn accept(&mut self, t: f64, y: &[f64]);
}

/// `y + Σ c_i v_i`, skipping zero coefficients.
fn combine(y: &[f64], terms: &[(f64, &[f64])]) -> Vec<f64> {
    let mut out = y.to_vec();
    for (c, v) in terms.iter().filter(|(c, _)| *c != 0.0) {
        for (o, x) in out.iter_mut().zip(*v) {
            *o += c * x;
        }
    }
    out
}

/// The cubic through values and slopes (slopes times `h`) at both ends.
fn hermite(y0: &[f64], y1: &[f64], h: f64, f0: &[f64], f1: &[f64]) -> Vec<Vec<f64>> {
    let n = y0.len();
    let quadratic = (0..n).map(|i| 3.0 * (y1[i] - y0[i]) - h * (2.0 * f0[i] + f1[i]));
    let cubic = (0..n).map(|i| 2.0 * (y0[i] - y1[i]) + h * (f0[i] + f1[i]));
    let linear = f0.iter().map(|f| h * f);
    vec![
        y0.to_vec(),
        linear.collect(),
        quadratic.collect(),
        cubic.collect(),
    ]
}

/// The right-hand side at `(t, y)`, or trouble where it is not finite.
fn eval(rhs: &Rhs<'_>, t: f64, y: &[f64]) -> Result<Vec<f64>, Trouble> {
    let mut dy = vec![0.0; y.len()];
    rhs(t, y, &mut dy);
    if dy.iter().all(|v| v.is_finite()) {
        Ok(dy)
    } else {
        Err(Trouble::NotFinite)
    }
}

#[cfg(test)]
mod tests;
