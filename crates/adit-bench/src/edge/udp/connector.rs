//! The connector's half: takes every session, counts what comes, and sends to all of them in turn.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use adit_model::SessionId;
use adit_net::{quic::QuicConnection, tls::TrustAnchors};
use adit_testing::{
    cloudflared::Protocol,
    scripted::{ScriptedConnector, registration, speaking_v3},
};
use adit_wire::{
    TunnelToken,
    datagram::v3::{Answer, RegistrationAnswer, ToConnector, ToEdge},
};
use anyhow::Context;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::{PAYLOAD, SESSIONS, pace};

/// Datagrams that are taken before other tasks have their turn.
const BATCH: usize = 64;

pub(super) struct Connector {
    link: ScriptedConnector,
    shared: Arc<Shared>,
    _receiving: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    arrived: AtomicU64,
    /// The first sessions, which have users who listen.
    sessions: Mutex<Vec<SessionId>>,
}

impl Connector {
    pub(super) async fn start(
        edge: SocketAddr,
        anchors: &TrustAnchors,
        token: &TunnelToken,
    ) -> anyhow::Result<Self> {
        let link = ScriptedConnector::dial(edge, anchors, Protocol::Quic).await;
        let request = speaking_v3(registration(&token.tunnel, &token.secret));
        link.register(request).await??;
        let (quic, shared) = (link.quic.clone().context("QUIC")?, Arc::<Shared>::default());
        let mut receiving = JoinSet::new();
        receiving.spawn(receive(quic, Arc::clone(&shared)));
        Ok(Self {
            link,
            shared,
            _receiving: receiving,
        })
    }

    /// Payloads that have come.
    pub(super) fn arrived(&self) -> u64 {
        self.shared.arrived.load(Ordering::Relaxed)
    }

    pub(super) async fn send(&self, rate: u64, window: Duration) -> u64 {
        let Some(quic) = &self.link.quic else { return 0 };
        let sessions = self.shared.sessions.lock().clone();
        let payload = Bytes::from(vec![0x5a; PAYLOAD]);
        pace(rate, window, |number| {
            let at = usize::try_from(number).unwrap_or_default() % sessions.len().max(1);
            let Some(&session) = sessions.get(at) else {
                return false;
            };
            let payload = payload.clone();
            quic.offer_datagram(ToEdge::Payload { session, payload }.encode())
                .is_ok()
        })
        .await
    }
}

async fn receive(quic: QuicConnection, shared: Arc<Shared>) {
    while let Ok(datagram) = quic.receive_datagram().await {
        take(&quic, &shared, datagram);
        for _ in 1..BATCH {
            let Some(datagram) = quic.try_receive_datagram() else {
                break;
            };
            take(&quic, &shared, datagram);
        }
    }
}

fn take(quic: &QuicConnection, shared: &Shared, datagram: Bytes) {
    match ToConnector::decode(datagram) {
        Ok(ToConnector::Payload { .. }) => {
            shared.arrived.fetch_add(1, Ordering::Relaxed);
        }
        Ok(ToConnector::Register(registration)) => {
            let session = registration.session;
            let mut sessions = shared.sessions.lock();
            if sessions.len() < SESSIONS && !sessions.contains(&session) {
                sessions.push(session);
            }
            let answer = RegistrationAnswer {
                session,
                answer: Answer::Ready,
                error: String::new(),
            };
            // One that is lost is asked for again.
            let _ = quic.offer_datagram(ToEdge::Answer(answer).encode());
        }
        Ok(ToConnector::Icmp(_)) | Err(_) => {}
    }
}
