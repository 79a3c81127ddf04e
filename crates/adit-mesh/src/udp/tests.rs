//! Sockets on loopback.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsFd,
    time::Duration,
};

use bytes::BytesMut;

use super::*;
use crate::wait;

const PATIENCE: Duration = Duration::from_secs(5);

fn on(address: impl Into<IpAddr>) -> BatchSocket {
    BatchSocket::bind(SocketAddr::new(address.into(), 0)).unwrap()
}

/// All datagrams up to this many, with where they came from.
fn receive(socket: &BatchSocket, count: usize) -> Vec<(Endpoint, Vec<u8>)> {
    let mut batch = ReceiveBatch::new(4);
    let mut received = Vec::new();
    while received.len() < count {
        assert_eq!(
            wait::until_readable([socket.as_fd()], PATIENCE),
            [true],
            "{} came",
            received.len()
        );
        if socket.receive(&mut batch).is_ok() {
            received.extend(
                batch
                    .datagrams()
                    .map(|(from, datagram)| (from, datagram.to_vec())),
            );
        }
    }
    received
}

fn train(to: &BatchSocket, lengths: &[usize]) -> (SendBatch, Vec<Vec<u8>>) {
    let to = Endpoint::from(to.local_addr().unwrap());
    let mut batch = SendBatch::default();
    let mut datagrams = Vec::new();
    for (at, length) in lengths.iter().enumerate() {
        let datagram = vec![at as u8; *length];
        batch.push(to, BytesMut::from(&datagram[..]));
        datagrams.push(datagram);
    }
    (batch, datagrams)
}

#[test]
fn trains_arrive_as_the_datagrams_that_they_were() {
    for (left, right) in [
        (on(Ipv4Addr::LOCALHOST), on(Ipv4Addr::LOCALHOST)),
        (on(Ipv6Addr::LOCALHOST), on(Ipv6Addr::LOCALHOST)),
        (on(Ipv4Addr::LOCALHOST).without_trains(), on(Ipv4Addr::LOCALHOST)),
    ] {
        let mut lengths = vec![1_452; 150];
        lengths.extend([700, 1_452, 1_452, 1, 300, 300]);
        let (mut batch, datagrams) = train(&right, &lengths);
        let flushed = left.flush(&mut batch, PATIENCE);
        assert_eq!(
            flushed,
            Flushed {
                sent: lengths.len(),
                dropped: 0,
                forbidden: 0,
            }
        );
        assert!(batch.is_empty());
        let received = receive(&right, lengths.len());
        assert!(
            received
                .iter()
                .all(|(from, _)| from.remote == left.local_addr().unwrap())
        );
        assert_eq!(
            received
                .into_iter()
                .map(|(_, datagram)| datagram)
                .collect::<Vec<_>>(),
            datagrams
        );
    }
}

#[test]
fn a_socket_on_all_addresses_speaks_both_families_and_answers_from_where_it_was_asked() {
    let hub = on(Ipv6Addr::UNSPECIFIED);
    let port = hub.local_addr().unwrap().port();
    for (client, asked) in [
        (on(Ipv4Addr::LOCALHOST), IpAddr::from([127, 0, 0, 7])),
        (on(Ipv6Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()),
    ] {
        let mut batch = SendBatch::default();
        batch.push(
            SocketAddr::new(asked, port).into(),
            BytesMut::from(&b"question"[..]),
        );
        client.flush(&mut batch, PATIENCE);
        let (from, question) = receive(&hub, 1).remove(0);
        assert_eq!((question.as_slice(), from.local), (&b"question"[..], Some(asked)));
        assert_eq!(from.remote, client.local_addr().unwrap());

        batch.push(from, BytesMut::from(&b"answer"[..]));
        hub.flush(&mut batch, PATIENCE);
        let (from, answer) = receive(&client, 1).remove(0);
        assert_eq!(
            (answer.as_slice(), from.remote),
            (&b"answer"[..], SocketAddr::new(asked, port))
        );
    }
}

#[test]
fn one_batch_reaches_many() {
    let left = on(Ipv4Addr::LOCALHOST);
    let others: Vec<BatchSocket> = (0..20).map(|_| on(Ipv4Addr::LOCALHOST)).collect();
    let mut batch = SendBatch::default();
    for round in 0..5u8 {
        for other in &others {
            batch.push(
                other.local_addr().unwrap().into(),
                BytesMut::from(&[round; 100][..]),
            );
        }
    }
    assert_eq!(left.flush(&mut batch, PATIENCE).sent, 100);
    for other in &others {
        let rounds: BTreeSet<u8> = receive(other, 5)
            .iter()
            .map(|(_, datagram)| datagram[0])
            .collect();
        assert_eq!(rounds, BTreeSet::from([0, 1, 2, 3, 4]));
    }
}

#[test]
fn what_cannot_be_sent_is_counted_and_holds_up_nothing() {
    let (left, right) = (on(Ipv4Addr::LOCALHOST), on(Ipv4Addr::LOCALHOST));
    let mut batch = SendBatch::default();
    let to = Endpoint::from(right.local_addr().unwrap());
    batch.push(to, BytesMut::zeroed(65_530));
    batch.push(SocketAddr::from(([127, 0, 0, 1], 0)).into(), BytesMut::zeroed(10));
    batch.push(to, BytesMut::from(&b"after"[..]));
    assert_eq!(
        left.flush(&mut batch, PATIENCE),
        Flushed {
            sent: 1,
            dropped: 2,
            forbidden: 0,
        }
    );
    assert_eq!(receive(&right, 1)[0].1, b"after");
}

#[test]
fn nothing_to_receive_does_not_block() {
    let socket = on(Ipv4Addr::LOCALHOST);
    let error = socket.receive(&mut ReceiveBatch::new(1)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn what_may_be_sent_is_asked_before_each_64_datagrams() {
    for (left, right) in [
        (on(Ipv4Addr::LOCALHOST), on(Ipv4Addr::LOCALHOST)),
        (on(Ipv4Addr::LOCALHOST).without_trains(), on(Ipv4Addr::LOCALHOST)),
    ] {
        // Trains of 40, 23, 1, 64 and 22: each but the last ends with a shorter one.
        let of = |count: usize| [vec![500; count - 1], vec![400]].concat();
        let lengths = [of(40), of(23), vec![600], of(64), of(22)].concat();
        let (mut batch, _) = train(&right, &lengths);
        let asked = std::cell::Cell::new(0);
        let flushed = left.flush_while(&mut batch, PATIENCE, || {
            asked.set(asked.get() + 1);
            asked.get() < 3
        });
        assert!(flushed.sent <= 128 && flushed.sent > 0, "{flushed:?}");
        assert_eq!(flushed.sent + flushed.forbidden, lengths.len());
        assert_eq!(asked.get(), 3);
        assert!(batch.is_empty());
        assert_eq!(receive(&right, flushed.sent).len(), flushed.sent);
    }
}
