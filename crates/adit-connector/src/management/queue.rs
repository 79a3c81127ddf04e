//! Lines on their way to a viewer: bounded, and what does not fit pushes the oldest out.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The most lines that wait.
const MAX_LINES: usize = 256;
/// The most bytes that wait. A single line is far smaller.
const MAX_BYTES: usize = 1024 * 1024;

/// Lines that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<String>,
    bytes: usize,
    dropped: u64,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line.
    Line(String),
    /// So many lines are gone that would have come before the next one.
    Dropped(u64),
}

impl Queue {
    pub(super) fn push(&self, line: String) {
        let mut waiting = self.waiting.lock();
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
        while waiting.lines.len() > MAX_LINES || waiting.bytes > MAX_BYTES {
            let Some(oldest) = waiting.lines.pop_front() else {
                break;
            };
            waiting.bytes -= oldest.len();
            waiting.dropped += 1;
        }
        drop(waiting);
        self.more.notify_one();
    }

    fn pop(&self) -> Option<Next> {
        let mut waiting = self.waiting.lock();
        match std::mem::take(&mut waiting.dropped) {
            0 => {}
            dropped => return Some(Next::Dropped(dropped)),
        }
        let line = waiting.lines.pop_front()?;
        waiting.bytes -= line.len();
        Some(Next::Line(line))
    }

    /// Waits for what comes next. One caller at a time. Cancel safe.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.pop() {
                return next;
            }
            self.more.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_are_dropped_and_counted() {
        let queue = Queue::default();
        for number in 0..MAX_LINES + 3 {
            queue.push(number.to_string());
        }
        assert_eq!(queue.pop(), Some(Next::Dropped(3)));
        assert_eq!(queue.pop(), Some(Next::Line("3".to_owned())));
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_too() {
        let queue = Queue::default();
        for _ in 0..3 {
            queue.push("x".repeat(MAX_BYTES / 2));
        }
        assert_eq!(queue.pop(), Some(Next::Dropped(1)));
        queue.push("x".repeat(MAX_BYTES + 1));
        assert_eq!(queue.pop(), Some(Next::Dropped(3)));
        assert_eq!(queue.pop(), None);
    }
}
