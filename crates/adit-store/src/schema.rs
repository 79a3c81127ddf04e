//! The schema's steps, the same for both engines, each of which has them in its own words.

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType},
};

/// The steps in the words of an engine, oldest first. One that was released is never changed, only followed.
macro_rules! steps {
    ($engine:literal) => {
        $crate::schema::steps!($engine:
            1, "0001_tunnels_zones_presence", "tunnels, zones, presence, audit and changes";
            2, "0002_identity", "users, policies of API tokens, paused zones, tags, states in the audit log";
            3, "0003_tunnels", "tunnel kinds, configurations and sites";
            4, "0004_networks", "routes, virtual networks and subnets";
            5, "0005_quick_tunnels", "quick tunnels";
            6, "0006_lists", "lists of tunnels";
            7, "0007_load_balancers", "pools of tunnels and load balancers";
            8, "0008_host_limits", "limits of host names";
            9, "0009_connector_configurations", "what connectors run";
            10, "0010_private_changes", "changes of private networks";
            11, "0011_mesh", "members of meshes and their addresses";
            12, "0012_failover", "how sites fail over, and when they did";
        )
    };
    ($engine:literal: $($version:literal, $file:literal, $says:literal;)+) => {
        vec![$($crate::schema::step($version, $says, include_str!(concat!($engine, "/", $file, ".sql"))),)+]
    };
}
pub(crate) use steps;

/// One step of the schema; runs in a transaction of its own.
pub(crate) fn step(version: i64, description: &'static str, sql: &'static str) -> Migration {
    Migration::new(
        version,
        description.into(),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    )
}

/// The number of the last step.
pub(crate) fn newest(steps: &[Migration]) -> i64 {
    steps.iter().map(|step| step.version).max().unwrap_or_default()
}
