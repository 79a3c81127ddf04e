//! Peers that speak nonsense. Everyone else's session goes on.

use adit_core::port::CloseReason;
use adit_model::PeerKey;
use adit_testing::{wait_for, within};
use adit_wire::mesh::{Beat, ConfigAck, Drain, KeyUpdate, RefusalCode, ToEdge, ToNode, encode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    peer::Peer,
    store::SECRET,
    world::{Host, World},
};

fn beat(seq: u64) -> ToEdge {
    Beat {
        seq,
        ..Beat::default()
    }
    .into()
}

/// One message of each type.
fn messages(peer: &Peer, host: &Host) -> Vec<ToEdge> {
    vec![
        peer.enrol(host, SECRET).into(),
        peer.hello(host, host.replica, host.key).into(),
        beat(1),
        ToEdge::from(ConfigAck {
            version: 1,
            applied: false,
            errors: vec!["no".to_owned()],
        }),
        KeyUpdate {
            key: PeerKey::from_bytes([5; 32]),
        }
        .into(),
        Drain {
            reason: "stop".to_owned(),
        }
        .into(),
    ]
}

#[tokio::test]
async fn messages_cut_at_every_byte_end_their_connection_and_no_other() {
    let world = World::start().await;
    let site = world.store.site();
    let honest = world.node(site);
    honest.until_linked().await;
    let host = Host::new(site);
    let kinds = messages(&Peer::dial(&world).await, &host).len();
    for kind in 0..kinds {
        let length = {
            let peer = Peer::dial(&world).await;
            encode(&messages(&peer, &host)[kind]).unwrap().len()
        };
        // Every byte of the head and of what it announces; a step within long texts, which are all alike.
        let cuts = (1..length.min(24)).chain((24..length).step_by(29));
        for cut in cuts {
            let mut peer = Peer::dial(&world).await;
            let bytes = encode(&messages(&peer, &host)[kind]).unwrap();
            peer.write(&bytes[..cut]).await;
            peer.end().await;
        }
    }
    assert!(honest.is_linked());
    assert_eq!(
        world.store.open(),
        [honest.replica],
        "nobody was let in by half a message"
    );
    assert!(world.store.linked(site, host.replica).is_none());
    assert_eq!(world.store.close_reasons(), []);
}

#[tokio::test]
async fn messages_of_a_linked_node_cut_at_every_byte_end_its_session_alone() {
    let world = World::start().await;
    let site = world.store.site();
    let honest = world.node(site);
    honest.until_linked().await;
    let host = Host::new(site);
    let whole = encode(&beat(1)).unwrap();
    for cut in 1..whole.len() {
        let mut peer = Peer::admitted(&world, &host, SECRET).await;
        peer.write(&whole[..cut]).await;
        peer.end().await;
    }
    wait_for("all to be closed", async || {
        world.store.close_reasons().len() == whole.len() - 1
    })
    .await;
    let left = |reason: &CloseReason| matches!(reason, CloseReason::Lost | CloseReason::Replaced);
    assert!(world.store.close_reasons().iter().all(left));
    assert!(honest.is_linked());
}

#[tokio::test]
async fn whoever_breaks_the_protocol_is_told_so_and_loses_the_connection() {
    let world = World::start().await;
    let site = world.store.site();
    let honest = world.node(site);
    honest.until_linked().await;
    let host = Host::new(site);
    let framed = |json: &str| [&u32::try_from(json.len()).unwrap().to_be_bytes(), json.as_bytes()].concat();
    let deep = format!(
        r#"{{"type":"drain","reason":{}1{}}}"#,
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    let list = format!(
        r#"{{"type":"config_ack","version":0,"applied":true,"errors":[{}1]}}"#,
        "1,".repeat(30_000)
    );
    let nonsense = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 64],
        vec![0; 4],
        framed("{}"),
        framed("[]"),
        framed(r#"{"type":"lease","critical":true}"#),
        framed(&deep),
        framed(&list),
    ];
    for bytes in &nonsense {
        let mut peer = Peer::dial(&world).await;
        peer.write(bytes).await;
        assert_eq!(misbehaved(peer.hear_out().await), Some(RefusalCode::Misbehaved));
        let mut peer = Peer::admitted(&world, &host, SECRET).await;
        peer.write(bytes).await;
        assert_eq!(misbehaved(peer.hear_out().await), Some(RefusalCode::Misbehaved));
    }
    let out_of_turn: [Vec<ToEdge>; 4] = [
        vec![beat(2), beat(2)],
        vec![ToEdge::from(ConfigAck {
            version: 99,
            applied: true,
            errors: Vec::new(),
        })],
        (1..200).map(beat).collect(),
        [8, 9]
            .map(|number| {
                ToEdge::from(KeyUpdate {
                    key: PeerKey::from_bytes([number; 32]),
                })
            })
            .into(),
    ];
    for said in out_of_turn {
        let mut peer = Peer::admitted(&world, &host, SECRET).await;
        for message in &said {
            peer.say(message).await;
        }
        assert_eq!(
            misbehaved(peer.hear_out().await),
            Some(RefusalCode::Misbehaved),
            "{said:?}"
        );
    }
    let reasons = world.store.close_reasons();
    assert_eq!(reasons, vec![CloseReason::Misbehaved; reasons.len()]);
    assert!(honest.is_linked());
}

fn misbehaved(heard: Vec<ToNode>) -> Option<RefusalCode> {
    match heard.into_iter().last() {
        Some(ToNode::Refused(refused)) => Some(refused.code),
        other => panic!("a refusal: {other:?}"),
    }
}

#[tokio::test]
async fn whoever_beats_before_it_is_let_in_is_not_let_in() {
    let world = World::start().await;
    let host = Host::new(world.store.site());
    for message in messages(&Peer::dial(&world).await, &host).into_iter().skip(2) {
        let mut peer = Peer::dial(&world).await;
        peer.say(&message).await;
        assert_eq!(misbehaved(peer.hear_out().await), Some(RefusalCode::Misbehaved));
    }
    assert_eq!(world.store.open(), []);
}

#[tokio::test]
async fn a_crowd_of_strangers_leaves_room_for_others() {
    let world = World::start().await;
    let site = world.store.site();
    let honest = world.node(site);
    honest.until_linked().await;
    // They shake hands, hear the challenge, and say nothing.
    let mut crowd = Vec::new();
    for _ in 0..40 {
        crowd.push(Peer::dial(&world).await);
    }
    let newcomer = world.node(site);
    newcomer.until_linked().await;
    assert!(honest.is_linked());
}

#[tokio::test]
async fn bytes_that_are_no_tls_are_no_connection() {
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    stream.write_all(b"\x00\x00\x00\x02{}").await.unwrap();
    let mut answer = Vec::new();
    within("the end", stream.read_to_end(&mut answer)).await.ok();
    let node = world.node(world.store.site());
    node.until_linked().await;
}
