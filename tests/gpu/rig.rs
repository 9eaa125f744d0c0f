//! Runs a case on every executor and checks its results.

use std::sync::OnceLock;

use dahlquist::exec::cpu::Cpu;
use dahlquist::exec::device::{Device, Request, candidates};
use dahlquist::exec::program::{BufferId, Coefficient, Contents, Instruction, Program};
use dahlquist::exec::wgpu::{Adapter, Gpu, adapters};
use dahlquist::exec::{Error, Executor};

use crate::model::d;

/// Bytes per binding of the executor that must cut.
pub const SMALL: u64 = 8192;

/// The best adapter, or none: then the test is skipped, loudly.
pub fn adapter() -> Option<Adapter> {
    let all = adapters();
    let devices: Vec<Device> = all.iter().map(|a| a.device().clone()).collect();
    let best = candidates(&Request::Gpu, &devices).first().copied();
    if best.is_none() {
        let required = std::env::var("DAHLQUIST_REQUIRE").is_ok_and(|v| v == "1");
        assert!(!required, "no GPU adapter, not even a software one");
        eprintln!("SKIPPED: no GPU adapter, not even a software one");
    }
    best.map(|i| all[i].clone())
}

/// The device as it is, and with small bindings; shared, so pipelines build once.
pub fn rig() -> Option<&'static [Gpu; 2]> {
    static RIG: OnceLock<Option<[Gpu; 2]>> = OnceLock::new();
    RIG.get_or_init(|| {
        let adapter = adapter()?;
        Some([
            Gpu::new(&adapter).expect("opens"),
            Gpu::with_binding_limit(&adapter, SMALL).expect("opens"),
        ])
    })
    .as_ref()
}

/// How far a result may be from the reference.
pub enum Bound {
    /// elementwise
    Each(Vec<f64>),
    /// per row of so many elements, in the Euclidean norm
    Rows(usize, Vec<f64>),
}

/// A program and what it must compute.
pub struct Case {
    pub name: String,
    pub program: Program,
    /// the device may find it too large for small bindings
    pub may_not_fit: bool,
    pub expect: Vec<(BufferId, Vec<f64>, Bound)>,
}

impl Case {
    pub fn new(name: impl Into<String>) -> Case {
        Case {
            name: name.into(),
            program: Program::new(),
            may_not_fit: false,
            expect: Vec::new(),
        }
    }
    pub fn f32(&mut self, name: &str, v: &[f32]) -> BufferId {
        self.program.buffer(name, Contents::F32(v.to_vec()))
    }
    pub fn u32(&mut self, name: &str, v: &[u32]) -> BufferId {
        self.program.buffer(name, Contents::U32(v.to_vec()))
    }
    /// A coefficient `factor · value`, fixed or read at run time from a place
    /// past the offset alignment.
    pub fn coefficient(&mut self, value: f32, factor: f32, scalar: bool) -> Coefficient {
        if !scalar {
            return Coefficient::Fixed(value * factor);
        }
        let mut v = vec![f32::MAX; 150];
        v[131] = value;
        Coefficient::Scalar {
            factor,
            buffer: self.f32("coefficient", &v),
            index: 131,
        }
    }
    pub fn push(&mut self, instruction: Instruction) {
        self.program.push(instruction);
    }
    /// `want(i)` is the value and its error bound.
    pub fn each(&mut self, buffer: BufferId, want: impl Fn(usize) -> (f64, f64)) {
        let n = self.program.len_of(buffer);
        let (values, bounds) = (0..n).map(want).unzip();
        self.expect.push((buffer, values, Bound::Each(bounds)));
    }
    pub fn run(&self, executor: &dyn Executor) -> Result<Vec<Vec<f32>>, Error> {
        let mut session = executor.load(&self.program)?;
        session.run()?;
        self.expect.iter().map(|(b, ..)| session.read(*b)).collect()
    }
    fn check_one(&self, executor: &dyn Executor, may_not_fit: bool) {
        let who = format!("{} on {}", self.name, executor.describe());
        let results = match self.run(executor) {
            Err(Error::TooLarge { .. }) if may_not_fit => return,
            other => other.unwrap_or_else(|e| panic!("{who}: {e}")),
        };
        for (got, (_, want, bound)) in results.iter().zip(&self.expect) {
            assert_eq!(got.len(), want.len(), "{who}");
            // The reference's own error, in f64 with fewer than 2^10 terms
            // that matter, is below 2^-20 of the bound.
            let slack = 1.0 + 1.0 / 1_048_576.0;
            let errors: Vec<f64> = got
                .iter()
                .zip(want)
                .map(|(g, w)| (d(*g) - w).abs())
                .collect();
            match bound {
                Bound::Each(bounds) => {
                    for (i, (e, b)) in errors.iter().zip(bounds).enumerate() {
                        // NaN fails
                        assert!(
                            *e <= b * slack,
                            "{who}: element {i} is {}, reference {}, error {e:e} above {b:e}",
                            got[i],
                            want[i]
                        );
                    }
                }
                Bound::Rows(n, bounds) => {
                    for (s, b) in bounds.iter().enumerate() {
                        let row = &errors[s * n..(s + 1) * n];
                        let e = row.iter().map(|e| e * e).sum::<f64>().sqrt();
                        assert!(e <= b * slack, "{who}: row {s}: error {e:e} above {b:e}");
                    }
                }
            }
        }
    }
    /// On the device, and on the device with small bindings.
    pub fn check_device(&self) {
        if let Some([whole, cut]) = rig() {
            self.check_one(whole, false);
            self.check_one(cut, self.may_not_fit);
        }
    }
    /// On the device, on the device with small bindings, on the CPU.
    pub fn check(&self) {
        self.check_device();
        self.check_cpu();
    }
    /// On the CPU.
    pub fn check_cpu(&self) {
        self.check_one(&Cpu, false);
    }
}
