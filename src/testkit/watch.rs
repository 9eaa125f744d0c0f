//! The watchdog: a solver that loops without evaluating its right-hand side cannot
//! be interrupted from inside, so its process reports the case and ends.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::case::Case;
use super::guard::{INSIDE, PULSE};
use super::report::{Finding, Row, Status};

/// Silence after which a running solver counts as endless. Short, because such a
/// loop may also eat memory.
const SILENCE: Duration = Duration::from_secs(12);

static LAST: Mutex<Option<Case>> = Mutex::new(None);

/// Notes the case that the solver is about to be given.
pub(crate) fn entering(case: &Case) {
    if let Ok(mut last) = LAST.lock() {
        *last = Some(case.clone());
    }
}

/// Starts the watchdog of a child process: on silence it writes `row` as failed to
/// `out` and ends the process.
pub(crate) fn start(mut row: Row, out: PathBuf) {
    std::thread::spawn(move || {
        let (mut pulse, mut since) = (PULSE.load(Ordering::Relaxed), Instant::now());
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let now = PULSE.load(Ordering::Relaxed);
            if now != pulse || INSIDE.load(Ordering::SeqCst).is_multiple_of(2) {
                (pulse, since) = (now, Instant::now());
                continue;
            }
            if since.elapsed() > SILENCE {
                let case = LAST.lock().ok().and_then(|c| c.clone());
                row.status = Status::Failed;
                row.finding = Some(Finding {
                    case: case.as_ref().map_or_else(String::new, Case::describe),
                    expected: "a solution or an error".into(),
                    found: format!(
                        "no answer, and no evaluation of the right-hand side for {SILENCE:?}"
                    ),
                    snippet: case.as_ref().map_or_else(String::new, Case::rust_rhs),
                });
                if let Ok(text) = serde_json::to_string(&row) {
                    let _ = std::fs::write(&out, text);
                }
                std::process::exit(3);
            }
        }
    });
}
