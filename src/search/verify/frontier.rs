//! The open parts of a branch and bound, and the workers that take them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::point::Counterexample;
use super::{Error, Limits, Progress};

/// A worker without work looks at the clock this often.
const PAUSE: Duration = Duration::from_millis(50);

/// Progress is told this often: the least bound is a walk over all parts.
const REPORT: Duration = Duration::from_millis(100);

/// A part of the search space that is still open.
pub(super) trait Part: Send {
    /// A proved lower bound of what must be shown positive on the part;
    /// infinite where none is known yet.
    fn bound(&self) -> f64;
    /// How near the part is to a counterexample; the least is the nearest.
    fn distance(&self) -> f64;
    /// Memory it holds, in bytes.
    fn bytes(&self) -> usize;
    /// Gives up what can be computed again.
    fn shed(&mut self);
}

/// What became of some parts.
pub(super) struct Step<P> {
    /// new ones
    pub open: Vec<P>,
    /// how many are done
    pub closed: usize,
    /// some part is neither done nor divisible
    pub stuck: bool,
    /// the search is over
    pub found: Option<Counterexample>,
}

/// Which parts come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// the newest, which keeps the frontier small
    Newest,
    /// by turns the newest and those nearest to a counterexample
    Alternate,
}

/// What a search ends with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// every part is done
    Exhausted,
    Found(Box<Counterexample>),
    /// parts that could not be divided remain
    Stuck,
    /// time ran out
    Stopped,
    /// the open parts exceed the memory
    Full,
}

/// Processes `parts` and their descendants, `batch` at a time per worker,
/// until none is left, one is a counterexample or a limit is reached. Near the
/// memory's limit the newest come first whatever the order, and older ones
/// shed what they hold.
///
/// # Errors
/// The first error of `process`; a panic there is [`Error::Internal`].
pub(super) fn explore<P: Part>(
    parts: Vec<P>,
    batch: usize,
    order: Order,
    limits: &Limits<'_>,
    process: &(dyn Fn(Vec<P>) -> Result<Step<P>, Error> + Sync),
) -> Result<End, Error> {
    let frontier = Frontier {
        batch,
        order,
        limits,
        wake: Condvar::new(),
        state: Mutex::new(State {
            bytes: parts.iter().map(Part::bytes).sum(),
            stack: parts,
            turn: 0,
            working: vec![None; limits.threads],
            closed: 0,
            stuck: false,
            end: None,
            told: None,
        }),
    };
    std::thread::scope(|scope| {
        for worker in 1..limits.threads {
            let frontier = &frontier;
            scope.spawn(move || frontier.work(worker, process));
        }
        frontier.work(0, process);
    });
    let state = frontier.state.into_inner();
    let state = state.unwrap_or_else(|e| e.into_inner());
    match state.end {
        Some(end) => end,
        None if state.stuck => Ok(End::Stuck),
        None => Ok(End::Exhausted),
    }
}

struct Frontier<'a, P> {
    batch: usize,
    order: Order,
    limits: &'a Limits<'a>,
    state: Mutex<State<P>>,
    wake: Condvar,
}

struct State<P> {
    stack: Vec<P>,
    /// of the stack
    bytes: usize,
    turn: usize,
    /// per busy worker: parts in work and their least bound
    working: Vec<Option<(usize, f64)>>,
    closed: usize,
    stuck: bool,
    /// set once: every worker returns
    end: Option<Result<End, Error>>,
    told: Option<Instant>,
}

impl<P: Part> Frontier<'_, P> {
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn work(&self, worker: usize, process: &(dyn Fn(Vec<P>) -> Result<Step<P>, Error> + Sync)) {
        while let Some(parts) = self.take(worker) {
            // The others must not wait for a worker that is gone.
            let outcome = catch_unwind(AssertUnwindSafe(|| process(parts)));
            let outcome = outcome.unwrap_or_else(|panic| Err(Error::Internal(message(&*panic))));
            let mut state = self.lock();
            state.working[worker] = None;
            match outcome {
                Ok(step) => {
                    state.bytes += step.open.iter().map(Part::bytes).sum::<usize>();
                    state.stack.extend(step.open);
                    state.closed += step.closed;
                    state.stuck |= step.stuck;
                    if let Some(found) = step.found {
                        state.end = Some(Ok(End::Found(Box::new(found))));
                    }
                }
                Err(error) => {
                    state.end.get_or_insert(Err(error));
                }
            }
            self.wake.notify_all();
        }
    }

    /// The next parts of a worker, or `None` when all is done.
    fn take(&self, worker: usize) -> Option<Vec<P>> {
        let mut state = self.lock();
        loop {
            if state.end.is_none() && self.limits.expired() {
                state.end = Some(Ok(End::Stopped));
            }
            if state.bytes > self.limits.memory {
                state.shed(self.limits.memory);
            }
            if state.end.is_none() && state.bytes > self.limits.memory {
                state.end = Some(Ok(End::Full));
            }
            if state.end.is_some() {
                self.wake.notify_all();
                return None;
            }
            if !state.stack.is_empty() {
                break;
            }
            if state.working.iter().all(Option::is_none) {
                return None;
            }
            let waited = self.wake.wait_timeout(state, PAUSE);
            state = waited.unwrap_or_else(|e| e.into_inner()).0;
        }
        // Leave some for the others while there is little.
        let fair = state.stack.len().div_ceil(self.limits.threads);
        let count = self.batch.clamp(1, fair);
        state.turn += 1;
        if self.order == Order::Alternate
            && state.turn.is_multiple_of(2)
            && state.bytes <= self.limits.memory / 2
            && count < state.stack.len()
        {
            let nearest = state.stack.len() - count;
            let order = |a: &P, b: &P| b.distance().total_cmp(&a.distance());
            state.stack.select_nth_unstable_by(nearest, order);
        }
        let from = state.stack.len() - count;
        let parts = state.stack.split_off(from);
        state.bytes -= parts.iter().map(Part::bytes).sum::<usize>();
        let least = parts.iter().map(Part::bound).fold(f64::INFINITY, f64::min);
        state.working[worker] = Some((count, least));
        if state.told.is_none_or(|t| t.elapsed() >= REPORT) {
            state.told = Some(Instant::now());
            (self.limits.progress)(state.progress());
        }
        Some(parts)
    }
}

impl<P: Part> State<P> {
    /// The oldest parts shed what they hold, down to half of `memory`.
    fn shed(&mut self, memory: usize) {
        for part in &mut self.stack {
            if self.bytes <= memory / 2 {
                return;
            }
            self.bytes -= part.bytes();
            part.shed();
            self.bytes += part.bytes();
        }
    }

    fn progress(&self) -> Progress {
        let of_stack = self.stack.iter().map(Part::bound);
        let working = self.working.iter().flatten();
        let least = of_stack.chain(working.clone().map(|w| w.1));
        Progress {
            open: self.stack.len() + working.map(|w| w.0).sum::<usize>(),
            closed: self.closed,
            bound: least.fold(f64::INFINITY, f64::min),
        }
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a worker panicked: {}", text.unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use std::sync::Arc;

    use super::*;

    /// A node of a binary tree.
    #[derive(Clone, Debug)]
    struct Node {
        depth: u32,
        ballast: usize,
    }

    impl Part for Node {
        fn bound(&self) -> f64 {
            f64::from(self.depth)
        }
        fn distance(&self) -> f64 {
            -f64::from(self.depth)
        }
        fn bytes(&self) -> usize {
            1 + self.ballast
        }
        fn shed(&mut self) {
            self.ballast = 0;
        }
    }

    struct Run {
        threads: usize,
        memory: usize,
        order: Order,
    }

    impl Run {
        fn tree(
            &self,
            ballast: usize,
            process: &(dyn Fn(&Node) -> Result<bool, Error> + Sync),
        ) -> (Result<End, Error>, Vec<Progress>) {
            let stop = AtomicBool::new(false);
            let told = Mutex::new(Vec::new());
            let progress = |p: Progress| told.lock().unwrap().push(p);
            let limits = Limits {
                deadline: None,
                stop: &stop,
                threads: self.threads,
                progress: &progress,
                seed: 0,
                memory: self.memory,
                differing: Arc::default(),
            };
            let step = |parts: Vec<Node>| {
                let mut step = Step {
                    open: Vec::new(),
                    closed: 0,
                    stuck: false,
                    found: None,
                };
                for part in parts {
                    if process(&part)? {
                        step.closed += 1;
                        continue;
                    }
                    let child = Node {
                        depth: part.depth + 1,
                        ballast,
                    };
                    step.open.extend([child.clone(), child]);
                }
                Ok(step)
            };
            let root = Node { depth: 0, ballast };
            let end = explore(vec![root], 4, self.order, &limits, &step);
            (end, told.into_inner().unwrap())
        }
    }

    #[test]
    fn every_leaf_is_visited_once_whatever_the_order_and_the_threads() {
        for order in [Order::Newest, Order::Alternate] {
            for threads in [1, 2, 5] {
                let leaves = AtomicUsize::new(0);
                let run = Run {
                    threads,
                    memory: usize::MAX,
                    order,
                };
                let (end, told) = run.tree(0, &|n| {
                    let leaf = n.depth == 10;
                    leaves.fetch_add(usize::from(leaf), Ordering::Relaxed);
                    Ok(leaf)
                });
                assert_eq!(end.unwrap(), End::Exhausted);
                assert_eq!(leaves.into_inner(), 1 << 10);
                let first = told.first().unwrap();
                assert_eq!((first.open, first.closed, first.bound), (1, 0, 0.0));
            }
        }
    }

    #[test]
    fn a_panic_ends_the_search_with_its_message() {
        let run = Run {
            threads: 4,
            memory: usize::MAX,
            order: Order::Newest,
        };
        let (end, _) = run.tree(0, &|n| {
            assert!(n.depth < 5, "too deep");
            Ok(false)
        });
        let text = end.unwrap_err().to_string();
        assert!(text.contains("too deep"), "{text}");
    }

    #[test]
    fn memory_is_bounded() {
        // 2^16 leaves with 1000 bytes each would not fit; a path with its
        // siblings does, once the older ones have shed their ballast.
        let run = Run {
            threads: 2,
            memory: 20_000,
            order: Order::Alternate,
        };
        let (end, _) = run.tree(1000, &|n| Ok(n.depth == 14));
        assert_eq!(end.unwrap(), End::Exhausted);
        // An endless path does not.
        let (end, _) = run.tree(1000, &|_| Ok(false));
        assert_eq!(end.unwrap(), End::Full);
    }
}
