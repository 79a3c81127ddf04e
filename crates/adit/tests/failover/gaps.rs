//! How long packets do not pass. The limits are the worst that may ever be seen, on a machine that has other things to do;
//! `cargo xtask bench failover` holds medians against stricter ones.

use std::time::Duration;

use adit_testing::{
    long_only, long_wanted,
    mesh::{Fault, Variant},
};

use crate::{assert_seamless, mesh_as};

async fn packets_move(test: &str, fault: Fault, runs: u32, limit: Duration) {
    packets_move_in(Variant::default(), test, fault, runs, limit).await;
}

async fn packets_move_in(variant: Variant, test: &str, fault: Fault, runs: u32, limit: Duration) {
    let Some(mut mesh) = mesh_as(test, variant).await else {
        return;
    };
    for run in 1..=runs {
        let outcome = mesh.suffer(fault).await;
        println!("run {run} of {runs}");
        assert_seamless(&outcome);
        assert!(outcome.gap() <= limit, "{outcome:?}");
        if run < runs {
            mesh.heal(fault, outcome.victim).await;
        }
    }
}

#[tokio::test]
async fn packets_and_connections_move_to_the_standby_when_the_active_replica_is_killed() {
    let test = "packets_and_connections_move_to_the_standby_when_the_active_replica_is_killed";
    packets_move(test, Fault::Crash, 2, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn packets_move_when_the_active_replica_loses_its_provider() {
    let test = "packets_move_when_the_active_replica_loses_its_provider";
    packets_move(test, Fault::LinkGone, 1, Duration::from_secs(3)).await;
}

#[tokio::test]
async fn packets_move_when_the_active_replica_loses_its_lan() {
    let test = "packets_move_when_the_active_replica_loses_its_lan";
    packets_move(test, Fault::LanLost, 1, Duration::from_secs(4)).await;
}

#[tokio::test]
async fn nothing_is_lost_when_a_replica_asks_to_be_replaced() {
    let test = "nothing_is_lost_when_a_replica_asks_to_be_replaced";
    packets_move(test, Fault::Drain, 2, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn twenty_failures_of_each_kind_stay_within_their_limits() {
    const TEST: &str = "twenty_failures_of_each_kind_stay_within_their_limits";
    if !long_only(TEST) {
        return;
    }
    for (fault, limit) in [
        (Fault::Crash, 1),
        (Fault::LinkGone, 3),
        (Fault::HostGone, 3),
        (Fault::LanLost, 4),
        (Fault::LanSilent, 4),
        (Fault::Stopped, 4),
        (Fault::Drain, 1),
    ] {
        packets_move(TEST, fault, 20, Duration::from_secs(limit)).await;
    }
}

#[tokio::test]
async fn packets_of_ipv6_move_when_the_active_replica_is_killed() {
    let test = "packets_of_ipv6_move_when_the_active_replica_is_killed";
    let ipv6 = Variant {
        ipv6: true,
        ..Variant::default()
    };
    let runs = if long_wanted() { 20 } else { 1 };
    packets_move_in(ipv6, test, Fault::Crash, runs, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn twenty_failures_of_other_kinds_stay_within_the_same_limits_for_ipv6() {
    const TEST: &str = "twenty_failures_of_other_kinds_stay_within_the_same_limits_for_ipv6";
    if !long_only(TEST) {
        return;
    }
    let ipv6 = Variant {
        ipv6: true,
        ..Variant::default()
    };
    for (fault, limit) in [(Fault::Manual, 1), (Fault::HostGone, 3), (Fault::LanLost, 4)] {
        packets_move_in(ipv6, TEST, fault, 20, Duration::from_secs(limit)).await;
    }
}

#[tokio::test]
async fn with_the_profile_fast_silence_is_believed_sooner() {
    let test = "with_the_profile_fast_silence_is_believed_sooner";
    let fast = Variant {
        fast: true,
        ..Variant::default()
    };
    let runs = if long_wanted() { 20 } else { 1 };
    packets_move_in(fast, test, Fault::HostGone, runs, Duration::from_secs(2)).await;
}
