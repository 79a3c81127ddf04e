//! A flow: a task from its first packet to its end.

mod bridge;
mod echo;
mod tcp;
mod udp;

use std::{sync::Arc, time::Duration};

use adit_net::private::PrivateDialError;
use bytes::BytesMut;
use tokio::sync::mpsc;

use super::{
    flows::Arrival,
    intake::Handed,
    limits::{Place, Queued},
    shared::{Refusal, Shared},
    sort::{FlowKey, Protocol},
};
use crate::hub::{Answer, packet::icmp::Problem};

/// A flow of datagrams or echo requests without any in either direction ends after this time.
const IDLE: Duration = Duration::from_secs(60);
/// How many answers are sent together.
const MOST_TOGETHER: usize = 64;

/// What a flow is made of.
pub(super) struct Flow {
    pub(super) key: FlowKey,
    pub(super) first: Arrival,
    pub(super) packets: mpsc::Receiver<Queued<Arrival>>,
    pub(super) place: Place,
    pub(super) shared: Arc<Shared>,
}

/// Carries a flow to its end.
pub(super) async fn carry(flow: Flow) {
    match flow.key.protocol {
        Protocol::Tcp => tcp::carry(flow).await,
        Protocol::Udp => udp::carry(flow).await,
        Protocol::Echo => echo::carry(flow).await,
    }
}

impl Shared {
    /// Tells the source of a flow's first packet that it came to nothing.
    fn refuse(&self, first: &Handed, protocol: Protocol, error: &PrivateDialError) {
        match (Refusal::of(error), protocol) {
            (Refusal::ByFarEnd, Protocol::Tcp) => self.reset(first),
            (Refusal::ByFarEnd, Protocol::Udp) => self.complain(first, Problem::NoPort),
            (Refusal::ByFarEnd, Protocol::Echo) => self.complain(first, Problem::NoHost),
            (Refusal::Problem(problem), _) => self.complain(first, problem),
            (Refusal::Nothing, _) => {}
        }
    }

    /// Sends packets to the source of a flow, once there is room. False if the hub is gone.
    async fn answer(&self, first: &Handed, packets: Vec<BytesMut>) -> bool {
        let batch = packets.into_iter().map(|packet| Answer {
            network: first.to,
            to: first.head.source,
            packet,
            complains: false,
        });
        self.answers.send(batch.collect()).await
    }
}
