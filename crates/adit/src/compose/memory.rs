//! How much memory this process may count on.

use std::fs;

/// Where a control group says how much its processes may use: `max`, or a number of bytes.
const CONTROL_GROUP_LIMIT: &str = "/sys/fs/cgroup/memory.max";

/// A quarter of the memory that the machine has, or that a container may use, in bytes.
pub(super) fn quarter() -> u64 {
    let system = rustix::system::sysinfo();
    // The kernel counts in units of its own; the types differ between platforms.
    let unit = u64::from(system.mem_unit.max(1));
    #[allow(clippy::useless_conversion, reason = "narrower than u64 on 32-bit machines")]
    let machine = u64::from(system.totalram).saturating_mul(unit);
    let limit = fs::read_to_string(CONTROL_GROUP_LIMIT)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    limit.map_or(machine, |limit: u64| limit.min(machine)) / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_more_than_nothing() {
        assert!(quarter() > 16 << 20);
    }
}
