//! What this process may do.

use std::{fs, path::Path};

use super::error::NodeError;

/// The number of `CAP_NET_ADMIN`. Source: capabilities(7).
const NET_ADMIN: u32 = 12;

/// Says what is missing before anything is tried, each in a line of its own.
pub(super) fn check() -> Result<(), NodeError> {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    // Where the kernel tells nothing, trying will tell.
    if effective(&status).is_some_and(|rights| rights & (1 << NET_ADMIN) == 0) {
        return Err(NodeError::NotPermitted);
    }
    if !Path::new("/dev/net/tun").exists() {
        return Err(NodeError::NoTun);
    }
    Ok(())
}

fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_from_the_kernels_table() {
        assert_eq!(
            effective("Name:\tx\nCapEff:\t0000000000001000\n"),
            Some(1 << NET_ADMIN)
        );
        assert_eq!(effective("Name:\tx\n"), None);
    }
}
