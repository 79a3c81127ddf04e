//! What is to be sent, in the order and grouping that the kernel likes.

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;

use crate::carrier::CarrierId;

/// How many datagrams the kernel cuts one send into at most.
pub(super) const TRAIN_DATAGRAMS: usize = 64;
/// How long all of them may be together, in bytes: they travel behind one IP and UDP header.
pub(super) const TRAIN_BYTES: usize = 65_000;
/// How far back a train for the same endpoint is looked for.
const LOOK_BACK: usize = 16;

/// Where a peer is, which of our own addresses it knows, and how datagrams get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Its address and port. Never an IPv4 address in IPv6's clothes.
    pub remote: SocketAddr,
    /// The address of ours that it sends to, so that answers come from there; `None` lets the kernel choose.
    pub local: Option<IpAddr>,
    /// The carrier that takes them there; without one UDP does.
    pub carrier: Option<CarrierId>,
}

impl From<SocketAddr> for Endpoint {
    fn from(remote: SocketAddr) -> Self {
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        Self {
            remote,
            local: None,
            carrier: None,
        }
    }
}

/// Datagrams for one endpoint, all of one length but the last, which may be shorter.
#[derive(Debug)]
pub(super) struct Train {
    pub(super) to: Endpoint,
    pub(super) datagrams: Vec<BytesMut>,
    pub(super) bytes: usize,
    is_open: bool,
}

impl Train {
    /// The length of all datagrams but the last.
    pub(super) fn segment(&self) -> usize {
        self.datagrams.first().map_or(0, BytesMut::len)
    }

    fn takes(&self, datagram: &BytesMut) -> bool {
        self.is_open
            && datagram.len() <= self.segment()
            && self.datagrams.len() < TRAIN_DATAGRAMS
            && self.bytes + datagram.len() <= TRAIN_BYTES
    }

    fn take(&mut self, datagram: BytesMut) {
        self.is_open = datagram.len() == self.segment();
        self.bytes += datagram.len();
        self.datagrams.push(datagram);
    }
}

/// Datagrams that wait for [`BatchSocket::flush`](super::BatchSocket::flush). Those for one endpoint stay in order.
/// It has no bound of its own: whoever fills it flushes it, see [`SendBatch::len`].
#[derive(Debug, Default)]
pub struct SendBatch {
    trains: Vec<Train>,
    /// Emptied trains, which keep their memory.
    spare: Vec<Vec<BytesMut>>,
    datagrams: usize,
    /// What goes by carriers: a [`Board`](crate::carrier::Board) sends it, and no socket does.
    carried: Vec<(Endpoint, BytesMut)>,
}

impl SendBatch {
    /// Adds a datagram.
    pub fn push(&mut self, to: Endpoint, datagram: BytesMut) {
        self.datagrams += 1;
        if to.carrier.is_some() {
            self.carried.push((to, datagram));
            return;
        }
        let latest = self
            .trains
            .iter_mut()
            .rev()
            .take(LOOK_BACK)
            .find(|train| train.to == to);
        if let Some(train) = latest
            && train.takes(&datagram)
        {
            train.take(datagram);
            return;
        }
        let mut datagrams = self.spare.pop().unwrap_or_default();
        let bytes = datagram.len();
        datagrams.push(datagram);
        self.trains.push(Train {
            to,
            datagrams,
            bytes,
            is_open: true,
        });
    }

    /// How many datagrams wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.datagrams
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams == 0
    }

    /// Drops what waits.
    pub fn clear(&mut self) {
        self.datagrams = 0;
        for mut train in self.trains.drain(..) {
            train.datagrams.clear();
            self.spare.push(train.datagrams);
        }
        self.carried.clear();
    }

    /// Whether something waits that goes by a carrier.
    pub(crate) fn is_carried(&self) -> bool {
        !self.carried.is_empty()
    }

    /// Takes out what goes by carriers, in its order.
    pub(crate) fn take_carried(&mut self) -> impl Iterator<Item = (Endpoint, BytesMut)> {
        self.datagrams -= self.carried.len();
        self.carried.drain(..)
    }

    /// What waits, in the order in which it will be sent, and then what goes by carriers.
    pub fn datagrams(&self) -> impl Iterator<Item = (Endpoint, &[u8])> {
        let of = |train: &Train| train.to;
        let trains = self.trains.iter().flat_map(move |train| {
            train
                .datagrams
                .iter()
                .map(move |datagram| (of(train), &**datagram))
        });
        let carried = self.carried.iter().map(|(to, datagram)| (*to, &**datagram));
        trains.chain(carried)
    }

    pub(super) fn trains(&self) -> &[Train] {
        &self.trains
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn endpoint(port: u16) -> Endpoint {
        SocketAddr::from(([127, 0, 0, 1], port)).into()
    }

    proptest! {
        #[test]
        fn trains_are_what_the_kernel_can_cut(pushes in prop::collection::vec((0u16..24, 1usize..2_000), 0..400)) {
            let mut batch = SendBatch::default();
            let mut pushed: HashMap<Endpoint, Vec<Vec<u8>>> = HashMap::new();
            for (at, (port, length)) in pushes.iter().enumerate() {
                let datagram = vec![at as u8; *length];
                batch.push(endpoint(*port), BytesMut::from(&datagram[..]));
                pushed.entry(endpoint(*port)).or_default().push(datagram);
            }

            prop_assert_eq!(batch.len(), pushes.len());
            for train in batch.trains() {
                let (last, others) = train.datagrams.split_last().unwrap();
                prop_assert!(others.iter().all(|datagram| datagram.len() == train.segment()));
                prop_assert!(last.len() <= train.segment());
                prop_assert!(train.datagrams.len() <= TRAIN_DATAGRAMS);
                prop_assert!(train.datagrams.iter().map(BytesMut::len).sum::<usize>() == train.bytes);
                prop_assert!(train.bytes <= TRAIN_BYTES);
            }
            let mut waiting: HashMap<Endpoint, Vec<Vec<u8>>> = HashMap::new();
            for (to, datagram) in batch.datagrams() {
                waiting.entry(to).or_default().push(datagram.to_vec());
            }
            prop_assert_eq!(waiting, pushed);
        }
    }

    #[test]
    fn an_emptied_batch_is_empty() {
        let mut batch = SendBatch::default();
        batch.push(endpoint(1), BytesMut::zeroed(10));
        batch.clear();
        assert!(batch.is_empty());
        assert_eq!(batch.datagrams().count(), 0);
    }

    #[test]
    fn an_ipv4_address_is_known_as_one() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:7".parse().unwrap();
        assert_eq!(Endpoint::from(mapped).remote, "192.0.2.1:7".parse().unwrap());
    }
}
