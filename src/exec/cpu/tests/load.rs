//! Programs that must be refused.

use super::Cpu;
use crate::exec::program::{BufferId, Coefficient, Contents, Instruction, Program};
use crate::exec::{Error, Executor};

#[test]
fn wrong_operands_are_typed_errors() {
    let mut p = Program::new();
    let (a, b) = (p.zeros("a", 3), p.zeros("b", 4));
    let labels = p.buffer("labels", Contents::U32(vec![9]));
    let load = |p: &Program| Cpu.load(p).map(|_| ());
    let axpy = |x, out| Instruction::Axpy {
        x,
        alpha: Coefficient::Fixed(1.0),
        out,
        accumulate: false,
    };
    let with = |i: Instruction| {
        let mut q = p.clone();
        q.push(i);
        load(&q)
    };
    assert!(matches!(
        with(axpy(a, b)),
        Err(Error::Operand {
            found: 3,
            expected: 4,
            ..
        })
    ));
    assert!(matches!(with(axpy(a, a)), Err(Error::Aliased { .. })));
    assert!(matches!(
        with(axpy(BufferId(99), a)),
        Err(Error::Operand { .. })
    ));
    let mut q = p.clone();
    let one = q.zeros("one", 1);
    q.push(axpy(labels, one));
    assert!(matches!(load(&q), Err(Error::BufferKind { .. })));
    // An index beyond the input.
    let mut q = p.clone();
    let index = q.buffer("index", Contents::U32(vec![0, 3, u32::MAX]));
    let out = q.zeros("out", 3);
    q.push(Instruction::Gather {
        x: a,
        index,
        out,
        batch: 1,
        n_in: 3,
        n_out: 3,
    });
    assert!(matches!(
        load(&q),
        Err(Error::Index {
            at: 1,
            found: 3,
            below: 3,
            ..
        })
    ));
    // A label beyond the classes shows when it runs.
    let mut q = p.clone();
    let (loss, dz) = (q.zeros("loss", 1), q.zeros("dz", 3));
    q.push(Instruction::Margin {
        z: a,
        labels,
        margin: loss,
        dz,
        batch: 1,
        classes: 3,
    });
    let mut session = Cpu.load(&q).expect("valid");
    assert!(matches!(
        session.run(),
        Err(Error::Index {
            found: 9,
            below: 3,
            ..
        })
    ));
    assert!(matches!(
        session.write(a, &[1.0]),
        Err(Error::BufferLength {
            found: 1,
            expected: 3,
            ..
        })
    ));
    assert!(matches!(
        session.read(labels),
        Err(Error::BufferKind { .. })
    ));
}
