//! A process that is stopped for a while and then goes on where it was, as after a pause of its virtual machine.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use adit_testing::{
    mesh::{Fault, Meters},
    netns::{
        Namespace,
        meter::{Frames, answers_for, tunnelled_pings},
        pairs::{Side, VIRTUAL},
    },
    wait_within,
};

use crate::{assert_seamless, mesh};

/// The packets that a replica may have in hand.
const BATCH: usize = 64;
/// How long it is stopped.
const STOPPED: Duration = Duration::from_secs(6);

#[tokio::test]
async fn a_stopped_replica_is_replaced_and_forwards_nothing_when_it_wakes() {
    let test = "a_stopped_replica_is_replaced_and_forwards_nothing_when_it_wakes";
    let Some(mut mesh) = mesh(test).await else { return };
    let victim = mesh.active(Side::A).await.unwrap();
    let outside = Ipv4Addr::new(198, 18, 0, 11 + u8::try_from(victim).unwrap());
    let leaving = Frames::watch(&mesh.pairs.replicas(Side::A)[victim], tunnelled_pings(outside));
    let begun = Instant::now();
    let outcome = mesh.suffer(Fault::Stopped).await;
    assert_seamless(&outcome);
    assert_eq!(outcome.victim, victim);
    assert!(outcome.gap() <= Duration::from_secs(4), "{outcome:?}");
    assert!(
        leaving.take().iter().map(|(_, count)| count).sum::<usize>() > 0,
        "nothing was counted while it carried the traffic"
    );

    // A host of the LAN that asks who has the virtual address hears of one.
    let bystander = Namespace::new("bystander");
    mesh.pairs.join_lan(&bystander, Side::A, 99);
    let virtual_address = Side::A.v4(VIRTUAL);
    let answering = Frames::watch(&bystander, answers_for(virtual_address.parse().unwrap()));
    let meters = Meters::start(&mesh.pairs).await;
    let ask_until = async |what: &str, moment: Instant| {
        wait_within(Duration::from_secs(20), what, async || {
            bystander.run(&["ip", "neigh", "flush", "dev", "lan"]);
            let _ = bystander.reaches(&virtual_address);
            Instant::now() >= moment
        })
        .await;
    };
    ask_until("the end of its pause", begun + STOPPED).await;
    leaving.take();
    mesh.heal(Fault::Stopped, victim).await;
    ask_until("some time after it", Instant::now() + Duration::from_secs(2)).await;
    meters.more_answers(50).await;

    let forwarded: usize = leaving.take().iter().map(|(_, count)| count).sum();
    assert!(
        forwarded <= BATCH,
        "{forwarded} packets left the replica that had slept"
    );
    let owners: BTreeSet<_> = answering.take().into_iter().map(|(_, mac)| mac).collect();
    assert_eq!(owners.len(), 1, "{owners:02x?} answer for {virtual_address}");
    assert_eq!(mesh.active(Side::A).await, Some(1 - victim));
}
