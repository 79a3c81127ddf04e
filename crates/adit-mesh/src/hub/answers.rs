//! Packets that come back from what connectors reach.

use std::{net::IpAddr, time::Instant};

use adit_core::mesh::forwarding::Proxied;
use bytes::BytesMut;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Links,
    packet::{fragment, head::Head},
    scene::Scene,
    shared::Shared,
    worker::{MOST_WAITING, PATIENCE, Sessions},
};
use crate::udp::{BatchSocket, SendBatch};

/// How many batches wait at most; whoever has more waits for room.
const MOST_BATCHES: usize = 128;
/// How many batches are encrypted before what came of them is sent.
const TAKEN_AT_ONCE: usize = 16;

/// A packet to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The virtual network that it is in.
    pub network: Proxied,
    /// Whom it is for: an address of that network.
    pub to: IpAddr,
    /// The packet, whole.
    pub packet: BytesMut,
    /// Whether it complains of a packet: such are limited in number, and the first to be dropped.
    pub complains: bool,
}

/// Takes packets back into the mesh: each goes to the member that its destination leads to at that moment.
#[derive(Debug, Clone)]
pub struct Answers {
    batches: mpsc::Sender<Vec<Answer>>,
}

impl Answers {
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Vec<Answer>>) {
        let (batches, receiver) = mpsc::channel(MOST_BATCHES);
        (Self { batches }, receiver)
    }

    /// Sends packets, once there is room for them. False if the hub is gone. Cancelled, it has sent nothing.
    pub async fn send(&self, batch: Vec<Answer>) -> bool {
        batch.is_empty() || self.batches.send(batch).await.is_ok()
    }

    /// Sends packets, or drops them if there is no room.
    pub fn try_send(&self, batch: Vec<Answer>) -> bool {
        batch.is_empty() || self.batches.try_send(batch).is_ok()
    }
}

/// Encrypts and sends until the hub stops.
pub(super) fn run(
    shared: &Shared,
    socket: &BatchSocket,
    answered: &mut mpsc::Receiver<Vec<Answer>>,
    stopping: &CancellationToken,
) {
    // It waits for a channel, which takes neither a timer nor a reactor.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
        tracing::error!("mesh: nothing comes back from networks behind connectors: no runtime");
        return;
    };
    let (mut out, mut scratch) = (SendBatch::default(), Vec::new());
    let mut batches = Vec::with_capacity(TAKEN_AT_ONCE);
    loop {
        let taken = stopping.run_until_cancelled(answered.recv_many(&mut batches, TAKEN_AT_ONCE));
        let is_over = matches!(runtime.block_on(taken), None | Some(0));
        // What was handed in before the end still goes: it tells members of it.
        while let Ok(batch) = answered.try_recv() {
            batches.push(batch);
            if batches.len() >= TAKEN_AT_ONCE && !is_over {
                break;
            }
        }
        let (scene, now) = (shared.scene.load(), Instant::now());
        let mut sessions = Sessions {
            shared,
            scene: &scene,
            out: &mut out,
            now,
        };
        for answer in batches.drain(..).flatten() {
            if !pass(&scene, answer, &mut scratch, &mut sessions) {
                metrics::counter!("adit_mesh_answers_dropped_total").increment(1);
            }
            if sessions.out.len() >= MOST_WAITING {
                shared.flush(socket, sessions.out, PATIENCE);
            }
        }
        shared.flush(socket, &mut out, PATIENCE);
        if is_over {
            return;
        }
    }
}

/// Sends one packet; false if it was dropped.
fn pass(scene: &Scene, answer: Answer, scratch: &mut Vec<u8>, sessions: &mut Sessions<'_>) -> bool {
    let Proxied { tunnel, network } = answer.network;
    let Some(member) = scene.table.leads_to(tunnel.account, network, answer.to) else {
        return false;
    };
    let now = sessions.now;
    if answer.complains && !sessions.may_tell(member, now) {
        return false;
    }
    let mtu = sessions.mtu(member);
    if answer.packet.len() <= usize::from(mtu) {
        return sessions.send(member, answer.packet);
    }
    let Ok(head) = Head::read(&answer.packet) else {
        return false;
    };
    let mut all = true;
    let mut send = |piece: &[u8]| all &= sessions.send(member, BytesMut::from(piece));
    let mtu = mtu.into();
    let is_divided = match head.source {
        IpAddr::V4(_) => fragment::divide(&answer.packet, &head, mtu, scratch, &mut send),
        // The hub has made it, so it is the hub's to divide.
        IpAddr::V6(_) => {
            fragment::divide_own_v6(&answer.packet, &head, mtu, rand::random(), scratch, &mut send)
        }
    };
    is_divided && all
}
