//! Running properties: each in a process of its own, so that an abort, an endless
//! loop or exhausted memory is one failed row and not the end of the suite.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::guard::Subject;
use super::property::{self, Property, Stop};
use super::report::{Row, Status, Summary};
use super::solver::Solver;
use super::{registry, store, watch};

/// Set in a child: the file for its row.
const OUT: &str = "DAHLQUIST_TESTKIT_ROW";
/// Set in a child of [`main`]: `solver/property`.
const WHICH: &str = "DAHLQUIST_TESTKIT_PROPERTY";

/// Runs one property in this process and returns its row.
pub fn check<S: Solver>(solver: &S, name: &str) -> Option<Row> {
    let property = registry().into_iter().find(|p| p.name == name)?;
    Some(row(solver, &property))
}

fn empty(p: &Property) -> Row {
    Row {
        property: p.name.into(),
        about: p.about.into(),
        status: Status::Passed,
        reason: None,
        cases: 0,
        seconds: 0.0,
        finding: None,
    }
}

fn row(subject: &dyn Subject, p: &Property) -> Row {
    let start = Instant::now();
    let (verdict, cases) = property::run(p, subject);
    let mut row = empty(p);
    row.cases = cases;
    row.seconds = start.elapsed().as_secs_f64();
    match verdict {
        Ok(()) => {}
        Err(Stop::Skip(reason)) => {
            row.status = Status::Skipped;
            row.reason = Some(reason.into());
        }
        Err(Stop::Finding(finding)) => {
            row.status = Status::Failed;
            row.finding = Some(*finding);
        }
    }
    row
}

/// The child's part: run, write the row, and be watched meanwhile.
fn child(subject: &dyn Subject, p: &Property, out: PathBuf) {
    watch::start(empty(p), out.clone());
    let row = row(subject, p);
    if let Ok(text) = serde_json::to_string(&row) {
        let _ = std::fs::write(out, text);
    }
}

/// The parent's part: start this program again for one property and read its row.
fn spawn(p: &Property, arguments: &[String], which: Option<String>) -> Row {
    let failed = |what: String| {
        let mut row = empty(p);
        row.status = Status::Failed;
        row.reason = Some(what);
        row
    };
    let out = match tempfile::NamedTempFile::new() {
        Ok(file) => file.into_temp_path(),
        Err(e) => return failed(format!("no temporary file: {e}")),
    };
    let start = Instant::now();
    let mut command = match std::env::current_exe() {
        Ok(exe) => Command::new(exe),
        Err(e) => return failed(format!("own program not found: {e}")),
    };
    command
        .args(arguments)
        .env(OUT, &out)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if let Some(which) = which {
        command.env(WHICH, which);
    }
    if let Some(shared) = store::folder(&folder()) {
        command.env(store::FOLDER, shared);
    }
    let done = match command.output() {
        Ok(done) => done,
        Err(e) => return failed(format!("own program not started: {e}")),
    };
    let read = std::fs::read_to_string(&out).ok().filter(|t| !t.is_empty());
    match read.and_then(|text| serde_json::from_str::<Row>(&text).ok()) {
        Some(mut row) => {
            row.seconds = start.elapsed().as_secs_f64();
            row
        }
        None => {
            let said = String::from_utf8_lossy(&done.stderr);
            let tail: Vec<&str> = said.lines().rev().take(3).collect();
            failed(format!(
                "the process died ({}): {}",
                done.status,
                tail.join(" / ")
            ))
        }
    }
}

/// Where reports go: `testkit` in the target folder.
fn folder() -> PathBuf {
    if let Some(set) = std::env::var_os("DAHLQUIST_TESTKIT_REPORT") {
        return set.into();
    }
    let exe = std::env::current_exe().unwrap_or_default();
    let target = exe
        .ancestors()
        .find(|a| a.file_name().is_some_and(|n| n == "target"));
    target
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join("testkit")
}

/// A file name from a solver's name.
fn file_name(solver: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    solver.chars().map(plain).collect()
}

static SUMMARIES: Mutex<Vec<Summary>> = Mutex::new(Vec::new());

/// Adds a row to the solver's summary and writes the report anew.
fn record(subject: &dyn Subject, row: &Row) {
    let claims = subject.claims();
    let Ok(mut all) = SUMMARIES.lock() else {
        return;
    };
    let at = all.iter().position(|s| s.solver == claims.name);
    let at = at.unwrap_or_else(|| {
        let (solver, version) = (claims.name.clone(), claims.version.clone());
        all.push(Summary {
            solver,
            version,
            rows: Vec::new(),
        });
        all.len() - 1
    });
    all[at].rows.push(row.clone());
    let order: Vec<&str> = registry().iter().map(|p| p.name).collect();
    all[at]
        .rows
        .sort_by_key(|r| order.iter().position(|n| *n == r.property));
    if let Err(e) = all[at].write(&folder(), &file_name(&claims.name)) {
        eprintln!("no report: {e}");
    }
}

/// The body of one test of [`suite!`](crate::testkit::suite): runs the property in a
/// process of its own, records it, and panics with the finding if it fails.
pub fn test<S: Solver>(solver: &S, path: &str, name: &str) {
    let property = registry()
        .into_iter()
        .find(|p| p.name == name)
        .unwrap_or_else(|| panic!("no property is named {name}"));
    if let Some(out) = std::env::var_os(OUT) {
        return child(solver, &property, out.into());
    }
    let inside = path.split_once("::").map_or("", |(_, rest)| rest);
    let full = if inside.is_empty() {
        name.into()
    } else {
        format!("{inside}::{name}")
    };
    let arguments = ["--exact", &full, "--nocapture", "--test-threads=1"].map(String::from);
    let row = spawn(&property, &arguments, None);
    record(solver, &row);
    match row.status {
        Status::Passed => {}
        Status::Skipped => {
            let reason = row.reason.unwrap_or_default();
            eprintln!(
                "skipped: {name} of {}: {reason}",
                Solver::claims(solver).name
            );
        }
        Status::Failed => {
            let finding = row.finding.map(|f| f.to_string()).unwrap_or_default();
            panic!(
                "{} does not hold: {}\n{}{finding}",
                row.property,
                row.about,
                row.reason.map(|r| r + "\n").unwrap_or_default()
            );
        }
    }
}

/// A whole program: runs all properties of the solvers, two processes at a time on
/// two cores, prints the tables and the findings, writes the reports. Succeeds if
/// the failures are exactly `known`, written as `(solver, property)`.
pub fn main(solvers: &[&dyn AnySolver], known: &[(String, String)]) -> ExitCode {
    let properties = registry();
    if let (Some(out), Ok(which)) = (std::env::var_os(OUT), std::env::var(WHICH)) {
        for s in solvers {
            for p in &properties {
                if which == format!("{}/{}", s.subject().claims().name, p.name) {
                    child(s.subject(), p, out.clone().into());
                }
            }
        }
        return ExitCode::SUCCESS;
    }
    let mut unexpected = Vec::new();
    for s in solvers {
        let subject = s.subject();
        let claims = subject.claims();
        let next = AtomicUsize::new(0);
        let rows: Mutex<Vec<Row>> = Mutex::new(Vec::new());
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(p) = properties.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let row = spawn(p, &[], Some(format!("{}/{}", claims.name, p.name)));
                        if let Ok(mut rows) = rows.lock() {
                            rows.push(row);
                        }
                    }
                });
            }
        });
        for row in rows.into_inner().unwrap_or_default() {
            record(subject, &row);
            let listed = known
                .iter()
                .any(|(s, p)| *s == claims.name && *p == row.property);
            if (row.status == Status::Failed) != listed {
                unexpected.push(format!(
                    "{} / {}: {}",
                    claims.name,
                    row.property,
                    if listed {
                        "listed as a finding, but it did not fail"
                    } else {
                        "failed"
                    }
                ));
            }
        }
        let all = SUMMARIES.lock().map(|a| a.clone()).unwrap_or_default();
        if let Some(summary) = all.iter().find(|a| a.solver == claims.name) {
            println!("{summary}");
            for row in summary.rows.iter().filter(|r| r.status == Status::Failed) {
                let finding = row
                    .finding
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let reason = row.reason.clone().unwrap_or_default();
                println!(
                    "--- {} / {}: {}\n{reason}{finding}\n",
                    claims.name, row.property, row.about
                );
            }
        }
    }
    println!("reports: {}", folder().display());
    for line in &unexpected {
        println!("unexpected: {line}");
    }
    if unexpected.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The `(solver, property)` pairs of a Markdown table whose first two columns hold names
/// in backquotes, such as `docs/solver-findings.md`: what is known, for [`main`]. A row
/// with several names stands for each solver of it with each property of it.
pub fn listed(markdown: &str) -> Vec<(String, String)> {
    let names = |cell: &str| -> Vec<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(String::from)
            .collect()
    };
    let mut found = Vec::new();
    for row in markdown.lines().filter_map(|l| l.strip_prefix('|')) {
        let mut cells = row.split('|');
        let (solvers, properties) = (cells.next().map(names), cells.next().map(names));
        for s in solvers.unwrap_or_default() {
            for p in properties.iter().flatten() {
                found.push((s.clone(), p.clone()));
            }
        }
    }
    found
}

/// A solver of any number type, for [`main`].
pub trait AnySolver: Sync {
    #[doc(hidden)]
    #[allow(private_interfaces)] // sealed: implemented for every Solver, called only here
    fn subject(&self) -> &(dyn Subject + Sync);
}

impl<S: Solver> AnySolver for S {
    #[allow(private_interfaces)]
    fn subject(&self) -> &(dyn Subject + Sync) {
        self
    }
}

/// One test per property for a solver: `dahlquist::testkit::suite!(module, solver);`.
///
/// The tests live in a module of the given name; `cargo test module::` runs them.
/// A property that the solver does not claim passes with a line `skipped:` on
/// standard error.
#[macro_export]
macro_rules! testkit_suite {
    ($module:ident, $solver:expr) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $crate::testkit_properties!($solver;
                accuracy_gallery accuracy_random_linear tolerance_proportionality
                stiff_accuracy stiff_long_run discontinuous_rhs large_dimension
                order_of_convergence zero_stability_refinement zero_stability_perturbed_start
                output_times output_times_backward output_at_ends
                dense_agrees_at_nodes dense_order
                time_translation backward_integration reversal scaling superposition affine_equivariance
                permutation linear_invariants
                a_stability l_stability symplecticity
                order_conditions steps_follow_tableau
                events_found events_rising events_falling events_in_time events_backward
                events_several
                exact_end_time steps_monotone zero_field constant_field zero_length
                tiny_intervals dimension_zero determinism reuse nan_reported
                infinity_reported blow_up_reported no_panic_no_hang
                tolerances_validated tolerance_length_validated steps_validated
                initial_value_validated output_times_validated times_validated
            );
        }
    };
}

/// The tests of [`testkit_suite!`](crate::testkit_suite).
#[doc(hidden)]
#[macro_export]
macro_rules! testkit_properties {
    ($solver:expr; $($name:ident)*) => {
        /// The properties that have a test.
        #[allow(dead_code)]
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            $crate::testkit::test(&$solver, module_path!(), stringify!($name));
        })*
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_property_has_a_test() {
        use super::*;
        let names: Vec<&str> = registry().iter().map(|p| p.name).collect();
        assert_eq!(names, listing::NAMES);
        let pair = |s: &str, p: &str| (s.to_string(), p.to_string());
        assert_eq!(
            listed("| `a b`, `c` | `d` `e` | [`x`](y) |\nother `f` | `g` |\n|---|---|---|"),
            [
                pair("a b", "d"),
                pair("a b", "e"),
                pair("c", "d"),
                pair("c", "e")
            ]
        );
    }

    /// A solver that claims nothing: every property is skipped, none fails.
    struct Nothing;

    impl crate::testkit::Solver for Nothing {
        type Real = f32;
        fn claims(&self) -> crate::testkit::Claims {
            crate::testkit::Claims::new("nothing", "0")
        }
        fn solve(
            &self,
            _: &crate::testkit::Task<'_, f32>,
        ) -> Result<crate::testkit::Solution<f32>, crate::testkit::Failure> {
            Err(crate::testkit::Failure::Unsupported("anything"))
        }
    }

    crate::testkit_suite!(listing, Nothing);
}
