//! The test kit on a solver for the first time, as docs/testkit.md shows it.
use dahlquist::testkit::{self, Claims, Control, Failure, Solution, Solver, Task};
use ode_solvers::{DVector, Dopri5, OutputType, System};

struct Field<'a>(&'a Task<'a, f64>);
impl System<f64, DVector<f64>> for Field<'_> {
    fn system(&self, t: f64, y: &DVector<f64>, dy: &mut DVector<f64>) {
        (self.0.rhs)(t, y.as_slice(), dy.as_mut_slice());
    }
}

struct Mine;
impl Solver for Mine {
    type Real = f64;
    fn claims(&self) -> Claims {
        Claims {
            adaptive: true,
            returns_steps: true,
            ..Claims::new("first use", "0.6.2")
        }
    }
    fn solve(&self, task: &Task<'_, f64>) -> Result<Solution<f64>, Failure> {
        let Control::Tolerance { relative, absolute } = &task.control else {
            return Err(Failure::Unsupported("fixed steps"));
        };
        let (y0, atol) = (DVector::from_column_slice(&task.y0), absolute[0]);
        let mut s = Dopri5::new(Field(task), task.t0, task.t1, 0.0, y0, *relative, atol);
        s.set_output(OutputType::Sparse);
        s.integrate().map_err(|e| Failure::Refused(e.to_string()))?;
        let states = s.y_out().iter().map(|y| y.as_slice().to_vec());
        Ok(Solution::steps(s.x_out().clone(), states.collect()))
    }
}

testkit::suite!(dopri5, Mine);

fn main() -> std::process::ExitCode {
    testkit::main(&[&Mine], &[])
}
