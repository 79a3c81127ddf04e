//! What has arrived.

use std::net::SocketAddr;

use super::{Endpoint, control::Told};

/// How much one receive can return from one endpoint: the longest train.
pub(super) const BUFFER_BYTES: usize = 1 << 16;

/// Buffers for what [`BatchSocket::receive`](super::BatchSocket::receive) takes in at once: 64 KiB for each message of
/// the batch, a message being one datagram or a train of them.
#[derive(Debug)]
pub struct ReceiveBatch {
    pub(super) buffers: Vec<Box<[u8]>>,
    pub(super) arrived: Vec<Arrived>,
}

/// One message that arrived: where its bytes are and what is known of them.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) buffer: usize,
    pub(super) bytes: usize,
    pub(super) from: SocketAddr,
    pub(super) told: Told,
}

impl ReceiveBatch {
    /// Room for this many messages at once; at least one.
    #[must_use]
    pub fn new(messages: usize) -> Self {
        let messages = messages.max(1);
        Self {
            buffers: (0..messages)
                .map(|_| vec![0; BUFFER_BYTES].into_boxed_slice())
                .collect(),
            arrived: Vec::with_capacity(messages),
        }
    }

    /// The datagrams of the last receive, with where they came from, in the order of their arrival.
    pub fn datagrams(&self) -> impl Iterator<Item = (Endpoint, &[u8])> {
        self.arrived.iter().flat_map(|arrived| {
            let from = Endpoint {
                local: arrived.told.local,
                ..arrived.from.into()
            };
            let bytes = self
                .buffers
                .get(arrived.buffer)
                .and_then(|buffer| buffer.get(..arrived.bytes))
                .unwrap_or_default();
            let segment = arrived.told.segment.unwrap_or(arrived.bytes).max(1);
            bytes.chunks(segment).map(move |datagram| (from, datagram))
        })
    }
}
