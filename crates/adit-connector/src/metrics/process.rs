//! What the process takes of the machine, under the names that Prometheus' own clients use. Linux tells it below
//! `/proc/self`; elsewhere nothing is said.

use std::fmt::Write;
use std::fs;

/// The most that is read of a file below `/proc`.
const MAX_BYTES: u64 = 64 * 1024;

/// In Prometheus' text format; what the system does not tell is left out.
pub(crate) fn text() -> String {
    let mut text = String::new();
    let mut line = |name: &str, kind: &str, meaning: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing into a String does not fail.
            let _ = writeln!(
                text,
                "# HELP {name} {meaning}\n# TYPE {name} {kind}\n{name} {value}"
            );
        }
    };
    let stat = read("/proc/self/stat").as_deref().and_then(Stat::parse);
    let limits = read("/proc/self/limits").unwrap_or_default();
    let net = read("/proc/self/net/dev").unwrap_or_default();
    let status = read("/proc/self/status").unwrap_or_default();
    let (received, sent) = traffic(&net);
    let stat = |pick: fn(&Stat) -> f64| stat.as_ref().map(pick);
    line(
        "process_cpu_seconds_total",
        "counter",
        "seconds of CPU time used",
        stat(|stat| stat.cpu_seconds),
    );
    line("process_open_fds", "gauge", "open file descriptors", open_files());
    line(
        "process_max_fds",
        "gauge",
        "file descriptors that may be open",
        limit(&limits, "Max open files"),
    );
    line(
        "process_resident_memory_bytes",
        "gauge",
        "bytes of memory held",
        resident_bytes(&status),
    );
    line(
        "process_virtual_memory_bytes",
        "gauge",
        "bytes of address space",
        stat(|stat| stat.virtual_bytes),
    );
    line(
        "process_virtual_memory_max_bytes",
        "gauge",
        "bytes of address space that may be used, -1 for no limit",
        limit(&limits, "Max address space"),
    );
    line(
        "process_start_time_seconds",
        "gauge",
        "when the process began, seconds since 1970",
        start_time(stat(|stat| stat.started_seconds)),
    );
    line(
        "process_network_receive_bytes_total",
        "counter",
        "bytes that came over the network, of all processes in the same network namespace",
        received,
    );
    line(
        "process_network_transmit_bytes_total",
        "counter",
        "bytes that went over the network, of all processes in the same network namespace",
        sent,
    );
    text
}

fn read(path: &str) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    let file = fs::File::open(path).ok()?;
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    u32::try_from(count).ok().map(f64::from)
}

/// Of `/proc/self/stat`.
struct Stat {
    cpu_seconds: f64,
    /// After the machine's start.
    started_seconds: f64,
    virtual_bytes: f64,
}

impl Stat {
    /// The name in brackets may hold blanks and brackets, so what follows the last bracket counts.
    fn parse(text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // The first of them is the third of proc_pid_stat(5).
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        // What the kernel tells user space, whatever it counts in itself.
        let ticks_per_second = 100.0;
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / ticks_per_second,
            started_seconds: field(22)? / ticks_per_second,
            virtual_bytes: field(23)?,
        })
    }
}

/// Of `/proc/self/status`, which says it in kibibytes.
fn resident_bytes(status: &str) -> Option<f64> {
    let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = size.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// The soft limit of that name; -1 for none.
fn limit(limits: &str, name: &str) -> Option<f64> {
    let values = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match values.split_ascii_whitespace().next()? {
        "unlimited" => Some(-1.0),
        number => number.parse().ok(),
    }
}

fn start_time(after_boot: Option<f64>) -> Option<f64> {
    let stat = read("/proc/stat")?;
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(boot.trim().parse::<f64>().ok()? + after_boot?)
}

/// Bytes received and sent over all interfaces.
fn traffic(net: &str) -> (Option<f64>, Option<f64>) {
    let counts = |column: usize| {
        let mut rows = net.lines().filter_map(|line| line.split_once(':')).peekable();
        rows.peek()?;
        rows.map(|(_, counts)| counts.split_ascii_whitespace().nth(column)?.parse::<f64>().ok())
            .sum()
    };
    (counts(0), counts(8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_process_with_an_odd_name_is_read() {
        let fields: Vec<String> = (4..53).map(|number| number.to_string()).collect();
        let stat = Stat::parse(&format!("7 (a) b (c)) S {}", fields.join(" "))).unwrap();
        assert_eq!(stat.cpu_seconds, 0.29);
        assert_eq!(stat.started_seconds, 0.22);
        assert_eq!(stat.virtual_bytes, 23.0);
        assert!(Stat::parse("7 (short) S 1 2").is_none());
    }

    #[test]
    fn limits_are_read_and_none_is_minus_one() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096    files\n\
                      Max address space         unlimited            unlimited bytes\n";
        assert_eq!(limit(limits, "Max open files"), Some(1024.0));
        assert_eq!(limit(limits, "Max address space"), Some(-1.0));
        assert_eq!(limit(limits, "Max nothing"), None);
    }

    #[test]
    fn traffic_is_that_of_all_interfaces() {
        let net = "Inter-| Receive\n face |bytes\n    lo: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n  eth0:5 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n";
        assert_eq!(traffic(net), (Some(15.0), Some(27.0)));
        assert_eq!(traffic(""), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_told() {
        let text = text();
        for name in [
            "cpu_seconds_total",
            "open_fds",
            "resident_memory_bytes",
            "start_time_seconds",
        ] {
            assert!(text.contains(&format!("\nprocess_{name} ")), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = (Stat::parse(&text), limit(&text, "M"), traffic(&text), resident_bytes(&text));
        }
    }
}
