//! What a process uses, as `/proc` tells it.

use std::{fs, time::Duration};

/// The unit of times in `/proc/PID/stat`: `USER_HZ` is 100 on every architecture that Rust knows with Linux.
const TICK: Duration = Duration::from_millis(10);

/// Processor time and memory of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all its threads since its start, to 10 ms.
    pub cpu: Duration,
    /// Memory that is its own: heap and stacks, neither files nor shared memory.
    pub rss_anon_bytes: u64,
    /// All its memory that is in RAM.
    pub rss_bytes: u64,
}

impl Usage {
    /// Reads it; `None` if no such process runs.
    #[must_use]
    pub fn of(process_id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
        Self::parse(&stat, &status)
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The second field is the program's name, which may hold blanks and parentheses: count from its end.
        let (_, after_name) = stat.rsplit_once(')')?;
        let mut fields = after_name.split_ascii_whitespace().skip(11);
        let ticks = fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?;
        Some(Self {
            cpu: TICK * ticks,
            rss_anon_bytes: kibibytes(status, "RssAnon:")?,
            rss_bytes: kibibytes(status, "VmRSS:")?,
        })
    }
}

/// Whether every thread of the process stands still by SIGSTOP.
pub(super) fn is_held(process_id: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process_id}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')')
            .is_some_and(|(_, after_name)| after_name.starts_with(" T"))
    })
}

fn kibibytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 200 300";
        let status = "Name:\ta\nVmRSS:\t  2048 kB\nRssAnon:\t   1024 kB\n";
        let usage = Usage {
            cpu: Duration::from_secs(3),
            rss_anon_bytes: 1 << 20,
            rss_bytes: 2 << 20,
        };
        assert_eq!(Usage::parse(stat, status), Some(usage));
    }

    #[test]
    fn what_is_not_there_is_not_guessed() {
        assert_eq!(Usage::parse("42 (a) S 1", "VmRSS: 1 kB"), None);
        assert_eq!(Usage::of(u32::MAX), None);
        assert!(Usage::of(std::process::id()).is_some_and(|usage| usage.rss_anon_bytes > 0));
    }
}
