//! Tests that cannot run here say so by name.

use std::{env, fmt::Display, fs::OpenOptions, io::Write};

/// Names a file to which each skipped test appends its line. `cargo xtask test` sets it and prints the lines at the
/// end, since a runner shows only the output of tests that fail.
const SKIP_LOG: &str = "ADIT_SKIP_LOG";

/// Says that a test is left out and why, as the line `SKIPPED <test>: <reason>`. The test then returns:
///
/// ```no_run
/// # fn a_stock_connector_registers() {
/// use adit_testing::{cloudflared, skip};
///
/// let Some(binary) = cloudflared::binary() else {
///     return skip("a_stock_connector_registers", cloudflared::ABSENT);
/// };
/// # }
/// ```
///
/// # Panics
/// When the file named by `ADIT_SKIP_LOG` cannot be written: a test left out in silence looks like one that passed.
pub fn skip(test: &str, reason: impl Display) {
    let line = format!("SKIPPED {test}: {reason}\n");
    print!("{line}");
    let Some(path) = env::var_os(SKIP_LOG) else { return };
    // One short write in append mode: lines of tests that run at the same time do not mix.
    let log = OpenOptions::new().append(true).create(true).open(&path);
    log.and_then(|mut log| log.write_all(line.as_bytes()))
        .expect("the file named by ADIT_SKIP_LOG can be written");
}

/// Set by `cargo xtask test --long`.
const LONG: &str = "ADIT_LONG";

/// True if suites that take their time are wanted.
#[must_use]
pub fn long_wanted() -> bool {
    env::var_os(LONG).is_some()
}

/// True if suites that take their time are wanted; otherwise says that this test is left out, which then returns.
///
/// # Panics
/// As [`skip`].
#[must_use]
pub fn long_only(test: &str) -> bool {
    let wanted = long_wanted();
    if !wanted {
        skip(test, "a long one: cargo xtask test --long runs it");
    }
    wanted
}
