//! The watchdog: a solver that loops without evaluating its right-hand side cannot
//! be interrupted from inside, so its process reports the case and ends.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::case::Case;
use super::guard::{INSIDE, PULSE};
use super::report::{Finding, Row, Status};

/// Processor time in silence after which a running solver counts as endless. Short,
/// because such a loop may also eat memory; longer than any factorisation asked for.
const SILENCE: Duration = Duration::from_secs(6);

/// The case, and the program that shows it.
static LAST: Mutex<Option<(String, String)>> = Mutex::new(None);

/// Notes the case that the solver is about to be given.
pub(crate) fn entering(case: &Case, snippet: &str) {
    if let Ok(mut last) = LAST.lock() {
        *last = Some((case.describe(), case.program(snippet)));
    }
}

/// Starts the watchdog of a child process: on silence it writes `row` as failed to
/// `out` and ends the process.
pub(crate) fn start(mut row: Row, out: PathBuf) {
    std::thread::spawn(move || {
        let begin = Instant::now();
        let (mut pulse, mut since) = (PULSE.load(Ordering::Relaxed), busy(begin));
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let now = PULSE.load(Ordering::Relaxed);
            if now != pulse || INSIDE.load(Ordering::SeqCst).is_multiple_of(2) {
                (pulse, since) = (now, busy(begin));
                continue;
            }
            if busy(begin).saturating_sub(since) > SILENCE {
                let last = LAST.lock().ok().and_then(|c| c.clone());
                let (case, snippet) = last.unwrap_or_default();
                row.status = Status::Failed;
                row.finding = Some(Finding {
                    case,
                    expected: "a solution or an error".into(),
                    found: format!(
                        "no answer, and no evaluation of the right-hand side for {SILENCE:?}"
                    ),
                    snippet,
                });
                if let Ok(text) = serde_json::to_string(&row) {
                    let _ = std::fs::write(&out, text);
                }
                std::process::exit(3);
            }
        }
    });
}

/// Processor time of this process where the system tells (Linux), so that a loaded
/// machine is not taken for an endless loop; time since `begin` elsewhere.
fn busy(begin: Instant) -> Duration {
    let ticks = || -> Option<u64> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // After the name in parentheses: state is field 3, utime 14, stime 15.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some(user + system)
    };
    // Linux reports in hundredths of a second to user space.
    ticks().map_or_else(|| begin.elapsed(), |t| Duration::from_millis(10 * t))
}
