//! Looks at how much memory the process holds.

use std::{
    io,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tracing::warn;

use super::{MemoryBudget, measure};

/// How often the process is measured while it holds little: within that, a network of 10 Gbit/s fills 128 MiB.
const LOOK_EACH: Duration = Duration::from_millis(100);
/// The same above half of the budget. Measuring takes some ten microseconds.
const LOOK_CLOSELY_EACH: Duration = Duration::from_millis(5);
/// How often public connections are cut, at most: those that were, need time to go.
const CUT_EACH: Duration = Duration::from_millis(50);
/// How often the allocator is asked for what it keeps, at most.
const RELIEF_EACH: Duration = Duration::from_secs(1);
/// How often the shortage is logged.
const WARN_EACH: Duration = Duration::from_secs(30);

/// The thread that measures. Dropping this ends it.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Dropped to end it.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Measures the process until dropped. Where it cannot be measured, only what is reserved is bounded.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub(crate) fn start(budget: Arc<MemoryBudget>) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("memory".to_owned())
            .spawn(move || watch(&budget, &stopped))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

/// When something was last done.
#[derive(Default)]
struct Last(Option<Instant>);

impl Last {
    /// True, and noted, if that was so long ago.
    fn is_due(&mut self, each: Duration) -> bool {
        let now = Instant::now();
        let is_due = self.0.is_none_or(|last| now - last >= each);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

fn watch(budget: &MemoryBudget, stopped: &mpsc::Receiver<()>) {
    let (mut relieved, mut warned, mut cut) = (Last::default(), Last::default(), Last::default());
    while let Some(held) = measure::process_bytes() {
        budget.note(held);
        if !budget.has_room() {
            if warned.is_due(WARN_EACH) {
                warn!(
                    held_bytes = held,
                    budget_bytes = budget.bytes,
                    "memory is short; nothing new is taken"
                );
            }
            if relieved.is_due(RELIEF_EACH) {
                (budget.relieve)();
                budget.note(measure::process_bytes().unwrap_or(held));
            }
            if cut.is_due(CUT_EACH) {
                budget.cut_if_needed();
            }
        }
        let pause = if held > budget.bytes / 2 {
            LOOK_CLOSELY_EACH
        } else {
            LOOK_EACH
        };
        if stopped.recv_timeout(pause) != Err(mpsc::RecvTimeoutError::Timeout) {
            return;
        }
    }
}
