//! Both readers of untrusted files under mutated input.
//!
//! Every file of `fuzz/corpus` is replayed, then inputs are made from them by
//! changes of bytes, words and fields. An input whose answer is of a new kind
//! joins the pool. `DAHLQUIST_FUZZ=N` asks for `N` executions per reader,
//! `DAHLQUIST_FUZZ_SEED` for another sequence; `DAHLQUIST_FUZZ_TRACE=FILE`
//! writes every input to a file first, for what cannot be caught.
#![allow(clippy::unwrap_used)] // a failing line is all a test has to say

#[path = "fuzz/mutate.rs"]
mod mutate;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dahlquist::exact::Rational;
use dahlquist::network::onnx;
use dahlquist::verify::vnnlib;
use mutate::Random;

/// Executions per reader unless asked otherwise.
const FEW: u64 = 20_000;
/// The longest time that one small input may take.
const SLOW: Duration = Duration::from_secs(5);
/// The longest input that is made.
const LONG: usize = 1 << 14;

/// What became of an input: a word, or the form of the message.
type Answer = String;

fn read_vnnlib(input: &[u8]) -> Answer {
    match vnnlib::read(input) {
        Ok(spec) => {
            let query = spec.query;
            for case in &query.cases {
                assert_eq!((case.lo.len(), case.hi.len()), (query.inputs, query.inputs));
                assert!(case.contains(&case.lo) && case.contains(&case.hi));
                let y = vec![Rational::new(); query.outputs];
                query.violated_by(&case.lo, &y);
            }
            format!("read {} {}", query.cases.len().min(4), spec.dropped.min(4))
        }
        Err(e) => kind(&e.to_string()),
    }
}

fn read_onnx(input: &[u8]) -> Answer {
    match onnx::read_model(input.to_vec()) {
        Ok(network) => {
            // Blocks of many steps are left alone: lowering them takes long.
            if network.ode_blocks().all(|(_, b)| b.steps < 20) {
                network.lower().expect("what is read can be lowered");
            }
            format!("read {}", network.nodes.len().min(6))
        }
        Err(e) => kind(&e.to_string()),
    }
}

/// A message without what it names.
fn kind(message: &str) -> Answer {
    let mut kept = String::new();
    let mut quoted = false;
    for c in message.chars() {
        match c {
            '"' | '`' => quoted = !quoted,
            _ if quoted || c.is_ascii_digit() => {}
            _ => kept.push(c),
        }
    }
    kept.split_whitespace()
        .take(14)
        .collect::<Vec<_>>()
        .join(" ")
}

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|p| (p.clone(), std::fs::read(p).unwrap()))
        .collect()
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|v| v.parse().expect(name))
}

/// Megabytes that this process has held at most.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

/// Runs `read` on the corpus and on changed inputs.
fn fuzz(name: &str, read: fn(&[u8]) -> Answer, change: fn(&mut Vec<u8>, &[u8], &mut Random)) {
    let total = variable("DAHLQUIST_FUZZ").unwrap_or(FEW);
    let mut random = Random(variable("DAHLQUIST_FUZZ_SEED").unwrap_or(0));
    let trace = std::env::var_os("DAHLQUIST_FUZZ_TRACE");
    let mut pool: Vec<Vec<u8>> = Vec::new();
    let mut seen: HashSet<Answer> = HashSet::new();
    for (path, input) in corpus(name) {
        let answer = catch_unwind(|| read(&input));
        seen.insert(answer.unwrap_or_else(|_| panic!("{}", path.display())));
        pool.push(input);
    }
    let start = Instant::now();
    for k in 0..total {
        let mut input = pool[random.below(pool.len())].clone();
        let other = random.below(pool.len());
        for _ in 0..=random.below(4) {
            change(&mut input, &pool[other], &mut random);
        }
        input.truncate(LONG);
        if let Some(file) = &trace {
            std::fs::write(file, &input).unwrap();
        }
        let run = || {
            let began = Instant::now();
            let answer = catch_unwind(AssertUnwindSafe(|| read(&input)));
            (answer, began.elapsed())
        };
        let (answer, mut took) = run();
        let Ok(answer) = answer else {
            panic!("{name}: execution {k} panicked on {}", shown(&input));
        };
        // A busy machine may have stopped us: the least of several runs counts.
        for _ in 0..5 {
            if took > SLOW {
                took = took.min(run().1);
            }
        }
        assert!(
            took <= SLOW,
            "{name}: execution {k} took {took:?}: {}",
            shown(&input)
        );
        if seen.insert(answer) && pool.len() < 4096 {
            pool.push(input);
        }
        if k % 1_000_000 == 999_999 {
            eprintln!(
                "{name}: {} executions, {} kinds of answer, {:.0} s, at most {} MB",
                k + 1,
                seen.len(),
                start.elapsed().as_secs_f64(),
                peak()
            );
        }
    }
    assert!(peak() < 4096, "{name}: {} MB", peak());
    eprintln!("{name}: {total} executions, {} kinds of answer", seen.len());
}

/// An input for a message: text, or bytes in hexadecimal.
fn shown(input: &[u8]) -> String {
    match std::str::from_utf8(input) {
        Ok(text) if !text.contains('\0') => text.to_string(),
        _ => input.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

#[test]
fn vnnlib_reader() {
    fuzz("vnnlib", read_vnnlib, |input, other, random| {
        match random.below(4) {
            0 => mutate::bytes(input, other, random),
            _ => mutate::words(input, other, random),
        }
    });
}

#[test]
fn onnx_reader() {
    fuzz("onnx", read_onnx, |input, other, random| {
        if random.below(5) == 0 || !mutate::message(input, other, random, 0) {
            mutate::bytes(input, other, random);
        }
    });
}
