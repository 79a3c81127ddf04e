//! The build that is a connector alone: that nothing of a server is in it, and that it is as clean as the whole.

use anyhow::{Context, bail};

use crate::step::{cargo, run as run_command, say};

/// How it is chosen, of the binary.
const SELECTION: [&str; 5] = ["-p", "adit", "--no-default-features", "--features", "connector"];

/// What only a server or a node of the mesh needs: the parts themselves, and what comes in by them alone.
const LEFT_OUT: [&str; 13] = [
    "adit-api",
    "adit-edge",
    "adit-mesh",
    "adit-store",
    "axum",
    "gotatun",
    "libsqlite3-sys",
    "rcgen",
    "rtnetlink",
    "schemars",
    "smoltcp",
    "sqlx",
    "tower-http",
];

/// Looks at what would be compiled, without compiling.
pub(crate) fn dependencies() -> anyhow::Result<()> {
    let mut tree = cargo(["tree", "--locked", "--edges", "normal,build", "--prefix", "none"]);
    let output = tree.args(SELECTION).output().context("cannot start cargo tree")?;
    if !output.status.success() {
        bail!(
            "cargo tree failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let tree = String::from_utf8_lossy(&output.stdout);
    let (count, found) = looked_through(&tree);
    if !found.is_empty() {
        bail!(
            "the connector's build compiles {}: `cargo tree {} -i NAME` tells for whom",
            found.join(", "),
            SELECTION.join(" ")
        );
    }
    say(format!("connector: {count} packages, none of a server"));
    Ok(())
}

/// How many packages a tree names, and which of them must not be in it.
fn looked_through(tree: &str) -> (usize, Vec<&'static str>) {
    let mut names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    names.sort_unstable();
    names.dedup();
    let found = LEFT_OUT.into_iter().filter(|name| names.contains(name)).collect();
    (names.len(), found)
}

/// Compiles it as clippy does.
pub(crate) fn clippy() -> anyhow::Result<()> {
    let mut clippy = cargo(["clippy", "--locked"]);
    run_command(clippy.args(SELECTION).args(["--", "-D", "warnings"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_must_not_be_there_is_named() {
        let tree = "adit v0.1.0 (/x)\nbytes v1.12.1\nsqlx v0.9.0\nsqlx-core v0.9.0\nbytes v1.12.1 (*)\n";
        assert_eq!(looked_through(tree), (4, vec!["sqlx"]));
        assert_eq!(
            looked_through("adit v0.1.0 (/x)\nsqlx-core v0.9.0\n"),
            (2, vec![])
        );
    }

    #[test]
    fn nothing_of_a_server_is_in_the_connectors_build() {
        dependencies().unwrap();
    }
}
