//! How much memory the process holds.

/// What is this process's own, in RAM, as the kernel counts it (`RssAnon`), bytes; `None` where it does not tell.
pub(super) fn process_bytes() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_count_is_read() {
        assert_eq!(
            parse("Name:\tadit\nVmRSS:\t 9 kB\nRssAnon:\t     512 kB\n"),
            Some(512 << 10)
        );
        assert_eq!(parse("Name:\tadit\n"), None);
    }
}
