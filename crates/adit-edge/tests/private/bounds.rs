//! How many flows there may be. What is not there in the registry is no flow: each place comes back.

use adit_core::sessions::FlowLimits;
use adit_net::private::PrivateDialError;
use adit_wire::datagram::Version;

use crate::stage::{Stage, works};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_so_many_flows_and_gets_each_back() {
    let limits = FlowLimits {
        account: 2,
        ..FlowLimits::default()
    };
    let stage = Stage::with(Version::V3, limits).await;
    let mut peer = stage.peer().await;
    let (one, _) = stage.session(&mut peer).await;
    let pings = stage.dialer().icmp("10.1.2.3:0".parse().unwrap()).await.unwrap();
    let refused = stage.open().refused().await;
    assert!(matches!(refused, PrivateDialError::TooMany(_)), "{refused}");
    drop(one);
    let (two, session) = stage.session(&mut peer).await;
    drop(pings);
    let (three, others) = stage.session(&mut peer).await;
    works(&*two, &peer, session).await;
    works(&*three, &peer, others).await;
    assert!(matches!(
        stage.open().refused().await,
        PrivateDialError::TooMany(_)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_has_so_many_flows_and_the_next_has_more() {
    let limits = FlowLimits {
        connector: 2,
        ..FlowLimits::default()
    };
    let stage = Stage::with(Version::V3, limits).await;
    let mut first = stage.peer().await;
    let one = stage.session(&mut first).await;
    let two = stage.session(&mut first).await;
    let refused = stage.open().refused().await;
    assert!(matches!(refused, PrivateDialError::TooMany(_)), "{refused}");
    let mut second = stage.peer().await;
    let three = stage.session(&mut second).await;
    works(&*three.0, &second, three.1).await;
    // There is room for one of its two at the other.
    first.close();
    let asked = second.asked().await;
    let moved = second.link.take(asked);
    let (kept, left) = if moved == one.1 {
        (one.0, two.0)
    } else {
        (two.0, one.0)
    };
    works(&*kept, &second, moved).await;
    assert_eq!(crate::stage::received(&*left).await, None);
}
