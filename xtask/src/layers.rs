//! `cargo xtask layers`: no crate knows another that it must not know.
//!
//! [`table`] holds what is allowed; here the dependencies that cargo sees are held against it.

mod table;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::step::{cargo, say};

pub(crate) fn run() -> anyhow::Result<()> {
    let output = cargo(["metadata", "--no-deps", "--format-version=1", "--locked"]).output();
    let output = output.context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let arrows = arrows(&metadata).context("cargo metadata has an unknown shape")?;

    let violations: Vec<String> = arrows.iter().filter_map(violation).collect();
    if violations.is_empty() {
        say(format!("layers: {} arrows, each of them allowed", arrows.len()));
        return Ok(());
    }
    bail!(
        "{} arrows must not be (table: xtask/src/layers/table.rs)\n  {}",
        violations.len(),
        violations.join("\n  ")
    )
}

/// One crate of the workspace uses another crate.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrow {
    from: String,
    to: String,
    /// Whether only tests use it.
    dev: bool,
    /// Whether the other one is of the workspace too.
    internal: bool,
}

/// Every dependency of every crate of the workspace; `None` when the JSON is not what cargo prints.
fn arrows(metadata: &Value) -> Option<Vec<Arrow>> {
    let packages = metadata.get("packages")?.as_array()?;
    let mut arrows = Vec::new();
    for package in packages {
        let from = package.get("name")?.as_str()?;
        for dependency in package.get("dependencies")?.as_array()? {
            arrows.push(Arrow {
                from: from.to_owned(),
                to: dependency.get("name")?.as_str()?.to_owned(),
                dev: dependency.get("kind")?.as_str() == Some("dev"),
                internal: dependency.get("path").is_some_and(Value::is_string),
            });
        }
    }
    Some(arrows)
}

/// Why the arrow must not be; `None` if it may.
fn violation(arrow: &Arrow) -> Option<String> {
    let Arrow {
        from,
        to,
        dev,
        internal,
    } = arrow;
    // Tests may look behind the border they test; what ships may not.
    if *dev {
        return None;
    }
    if *internal {
        let Some(allowed) = table::allowed(from) else {
            return Some(format!(
                "{from} has no row in the table, so it must not depend on {to}"
            ));
        };
        let known = allowed.contains(&to.as_str());
        return (!known).then(|| match to.as_str() {
            "adit-testing" => format!("{from} -> {to}: it is a dev-dependency only"),
            _ => format!("{from} -> {to}: {from} may know only [{}]", allowed.join(", ")),
        });
    }
    let rule = table::kept(to)?;
    (!rule.keepers.contains(&from.as_str())).then(|| {
        format!(
            "{from} -> {to}: only [{}] may; {}",
            rule.keepers.join(", "),
            rule.reason
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arrow(from: &str, to: &str) -> Arrow {
        Arrow {
            from: from.to_owned(),
            to: to.to_owned(),
            dev: false,
            internal: to.starts_with("adit-"),
        }
    }

    #[test]
    fn an_arrow_that_points_down_is_allowed() {
        for (from, to) in [
            ("adit", "adit-edge"),
            ("adit-edge", "adit-net"),
            ("adit-wire", "adit-wire-capnp"),
        ] {
            assert_eq!(violation(&arrow(from, to)), None, "{from} -> {to}");
        }
    }

    #[test]
    fn an_arrow_that_points_up_or_sideways_is_named() {
        for (from, to) in [
            ("adit-core", "adit-store"),
            ("adit-api", "adit-edge"),
            ("adit-edge", "adit-api"),
        ] {
            let told = violation(&arrow(from, to)).unwrap();
            assert!(told.contains(&format!("{from} -> {to}")), "{told}");
        }
    }

    #[test]
    fn a_crate_without_a_row_is_told_so() {
        let told = violation(&arrow("adit-new", "adit-model")).unwrap();
        assert!(told.contains("no row"), "{told}");
    }

    #[test]
    fn the_harness_is_for_tests_only() {
        let shipped = arrow("adit-net", "adit-testing");
        assert!(violation(&shipped).unwrap().contains("dev-dependency only"));
        assert_eq!(violation(&Arrow { dev: true, ..shipped }), None);
    }

    #[test]
    fn a_kept_dependency_stays_with_its_keeper() {
        for (from, to) in [
            ("adit-net", "quinn"),
            ("adit-store", "sqlx"),
            ("adit-api", "axum"),
            ("adit-rpc", "capnp"),
        ] {
            assert_eq!(violation(&arrow(from, to)), None, "{from} -> {to}");
        }
        for (from, to) in [
            ("adit-edge", "h2"),
            ("adit", "sqlx"),
            ("adit-edge", "axum"),
            ("adit-net", "capnp"),
        ] {
            assert!(violation(&arrow(from, to)).is_some(), "{from} -> {to}");
        }
    }

    #[test]
    fn the_pure_crates_know_no_tokio() {
        for from in ["adit-core", "adit-wire", "adit-model"] {
            assert!(violation(&arrow(from, "tokio")).is_some(), "{from}");
        }
        assert_eq!(violation(&arrow("adit-edge", "tokio")), None);
    }

    #[test]
    fn arrows_are_read_from_what_cargo_prints() {
        let metadata = json!({"packages": [{"name": "adit-edge", "dependencies": [
            {"name": "adit-core", "kind": null, "path": "/somewhere/crates/adit-core"},
            {"name": "tempfile", "kind": "dev"},
        ]}]});
        let expected = [
            arrow("adit-edge", "adit-core"),
            Arrow {
                dev: true,
                ..arrow("adit-edge", "tempfile")
            },
        ];
        assert_eq!(arrows(&metadata).unwrap(), expected);
        assert_eq!(arrows(&json!({"packages": [{}]})), None);
    }

    #[test]
    fn the_table_names_no_cycle() {
        for (from, row) in table::ROWS {
            for to in *row {
                let back = table::allowed(to).unwrap_or_default();
                assert!(!back.contains(from), "{from} <-> {to}");
            }
        }
    }
}
