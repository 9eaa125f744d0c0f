//! What a solver author writes: an adapter ([`Solver`]) and what it claims ([`Claims`]).

/// The floating-point type a solver computes in: `f32` or `f64`.
pub trait Real: Copy + PartialOrd + std::fmt::Debug + Send + Sync + 'static {
    /// The distance from 1 to the next larger number.
    const EPSILON: f64;
    /// The nearest number of this type.
    fn from_f64(v: f64) -> Self;
    /// The same number in binary64 (exact).
    fn to_f64(self) -> f64;
}

impl Real for f64 {
    const EPSILON: f64 = f64::EPSILON;
    fn from_f64(v: f64) -> Self {
        v
    }
    fn to_f64(self) -> f64 {
        self
    }
}

impl Real for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    fn from_f64(v: f64) -> Self {
        v as f32
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

/// The adapter: how the kit calls a solver.
///
/// `solve` gives the initial value problem to the solver as a user of it would, and
/// translates what comes back. It must not repair anything: no check of arguments,
/// no clipping of times, no retry. The kit measures the solver, not the adapter.
pub trait Solver: Send + Sync {
    /// `f64` or `f32`.
    type Real: Real;

    /// What the solver claims; all that is not claimed is skipped, and the skip reported.
    fn claims(&self) -> Claims;

    /// Solves one problem.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] with the solver's own error, [`Failure::Unsupported`]
    /// where the solver has no way to be asked this.
    fn solve(&self, task: &Task<'_, Self::Real>) -> Result<Solution<Self::Real>, Failure>;

    /// Solves `first`, then `second` with the same solver object, and returns the
    /// second result. `None` where the solver has no object to use again.
    fn solve_twice(
        &self,
        first: &Task<'_, Self::Real>,
        second: &Task<'_, Self::Real>,
    ) -> Option<Result<Solution<Self::Real>, Failure>> {
        let _ = (first, second);
        None
    }

    /// The lines that call the solver in a stand-alone program, given the Rust text
    /// of the problem's parts; they end with `t` and `y`, the last time and state.
    /// The default writes a call to an imaginary `solve`.
    fn snippet(&self, parts: &Parts) -> String {
        format!(
            "    // your solver here:\n    let (t, y) = solve(f, {}, {}, {}, {});\n",
            parts.t0, parts.t1, parts.y0, parts.control
        )
    }

    /// The same for [`Solver::solve_twice`]: `f` over `first`, then over `second`, with
    /// one object. By default the second call alone.
    fn snippet_twice(&self, first: &Parts, second: &Parts) -> String {
        let _ = first;
        self.snippet(second)
    }
}

/// `f`: time, state, derivative to fill.
pub type Rhs<'a, T> = dyn Fn(T, &[T], &mut [T]) + 'a;

/// The Jacobian times a vector: time, state, vector, product to fill.
pub type JacobianTimes<'a, T> = dyn Fn(T, &[T], &[T], &mut [T]) + 'a;

/// The initial value problem `y' = f(t, y)`, `y(t0) = y0`, on `[t0, t1]`.
pub struct Task<'a, T> {
    /// `f`: time, state, derivative to fill
    pub rhs: &'a Rhs<'a, T>,
    /// the Jacobian times a vector: time, state, vector, product to fill
    pub jacobian_times: &'a JacobianTimes<'a, T>,
    /// the time of the initial value
    pub t0: T,
    /// the end time; before `t0` for backward integration
    pub t1: T,
    /// the initial value
    pub y0: Vec<T>,
    /// how steps are chosen
    pub control: Control<T>,
    /// times at which the solution is wanted, in the direction of integration; empty
    /// where only the end is. Given only to solvers that claim dense output.
    pub output: Vec<T>,
    /// events to locate without stopping; given only to solvers that claim them
    pub events: Vec<Event<'a, T>>,
}

/// How steps are chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Control<T> {
    /// all steps of this size (a positive number, whatever the direction), the last
    /// one shorter if need be
    Step(T),
    /// adaptive: the local error of component `i` within
    /// `relative |y_i| + absolute[i]` in the solver's norm
    Tolerance {
        /// relative tolerance
        relative: T,
        /// absolute tolerance, one per component
        absolute: Vec<T>,
    },
}

/// A scalar function of the solution whose zeros are sought.
pub struct Event<'a, T> {
    /// the function
    pub g: &'a dyn Fn(T, &[T]) -> T,
    /// which zeros count
    pub direction: Direction,
}

/// Which zeros of an event function count, along the direction of integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// from negative to positive
    Rising,
    /// from positive to negative
    Falling,
    /// all
    Both,
}

/// What a solver returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution<T> {
    /// times of the accepted steps, with `t0` first and the end last. A solver that
    /// does not give them returns the end alone.
    pub t: Vec<T>,
    /// the states at `t`
    pub y: Vec<Vec<T>>,
    /// the times and states that answer [`Task::output`]
    pub output: Vec<(T, Vec<T>)>,
    /// (index of the event, time), in the order found
    pub events: Vec<(usize, T)>,
}

impl<T> Solution<T> {
    /// Steps only.
    pub fn steps(t: Vec<T>, y: Vec<Vec<T>>) -> Self {
        Self {
            t,
            y,
            output: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// Why an adapter returns no solution.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The solver reported an error.
    Refused(String),
    /// The solver has no way to be asked this; the property is skipped for it.
    Unsupported(&'static str),
}

/// A Butcher tableau that a solver exposes, in binary64.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// stages × stages
    pub a: Vec<Vec<f64>>,
    /// weights
    pub b: Vec<f64>,
    /// nodes
    pub c: Vec<f64>,
    /// weights of the embedded method and its claimed order
    pub embedded: Option<(Vec<f64>, u32)>,
    /// dense weights: `bi[i][j]` multiplies `θ^(j+1)` in the weight of stage `i`
    pub dense: Option<Vec<Vec<f64>>>,
}

/// What a solver claims. Start from [`Claims::new`] and set what holds.
#[derive(Clone, Debug)]
pub struct Claims {
    /// the solver's name, with the method where there are several
    pub name: String,
    /// its version
    pub version: String,
    /// solves stiff problems (implicit)
    pub implicit: bool,
    /// takes [`Control::Step`]
    pub fixed_step: bool,
    /// takes [`Control::Tolerance`]
    pub adaptive: bool,
    /// order of convergence of the steps
    pub order: Option<u32>,
    /// has output between the steps
    pub dense: bool,
    /// order of the dense output: its error inside a step is `O(h^(order + 1))`
    pub dense_order: Option<u32>,
    /// locates events
    pub events: bool,
    /// integrates from `t0` to an earlier `t1`
    pub backward: bool,
    /// takes one absolute tolerance per component
    pub vector_tolerance: bool,
    /// returns every accepted step in [`Solution::t`]
    pub returns_steps: bool,
    /// solves systems without components
    pub dimension_zero: bool,
    /// the largest dimension, where states have a fixed type
    pub max_dimension: usize,
    /// stable for `y' = λ y` with any step when `Re λ < 0`
    pub a_stable: bool,
    /// A-stable, and one step tends to 0 as `λ h → -∞`
    pub l_stable: bool,
    /// symplectic with fixed steps
    pub symplectic: bool,
    /// solves only systems `q' = f(p)`, `p' = g(q)` with the state `(q, p)`
    pub second_order: bool,
    /// the coefficients of a Runge–Kutta method
    pub table: Option<Table>,
    /// what the kit does not find out by itself and a reader of the report should know
    pub notes: String,
}

impl Claims {
    /// Nothing claimed but a name.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            implicit: false,
            fixed_step: false,
            adaptive: false,
            order: None,
            dense: false,
            dense_order: None,
            events: false,
            backward: false,
            vector_tolerance: false,
            returns_steps: false,
            dimension_zero: false,
            max_dimension: usize::MAX,
            a_stable: false,
            l_stable: false,
            symplectic: false,
            second_order: false,
            table: None,
            notes: String::new(),
        }
    }
}

/// The parts of a failing case as Rust text, for [`Solver::snippet`].
#[derive(Clone, Debug)]
pub struct Parts {
    /// number of components
    pub dimension: usize,
    /// `t0`
    pub t0: String,
    /// `t1`
    pub t1: String,
    /// a `vec![…]`
    pub y0: String,
    /// the step, or `relative, vec![absolute, …]`
    pub control: String,
    /// the step, where steps are fixed
    pub step: Option<String>,
    /// relative tolerance and the first absolute one, where steps are adaptive
    pub tolerance: Option<(String, String)>,
    /// `vec![…]` of the output times; `vec![]` where none are asked for
    pub output: String,
    /// body of each event function `g(t, y)`, and which of its zeros count
    pub events: Vec<(String, Direction)>,
}
