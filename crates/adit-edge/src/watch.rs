//! The watch over one connection: asks it, judges it, and weighs how much it carries.

use std::{sync::Arc, time::Instant};

use adit_core::liveness::{Health, Liveness, Patience, Signs, Tally};
use tracing::{info, warn};

use crate::{
    connection::{Connection, Transport},
    tunnels::Tunnel,
};

/// So many bytes moved since the last look weigh as much as a request.
const BYTES_LIKE_A_REQUEST: u64 = 64 * 1024;

/// Watches a connection until it has ended. An idle one costs next to nothing: QUIC none, HTTP/2 a PING each 5 s.
pub(crate) async fn keep_watch(tunnel: Arc<Tunnel>, connection: Arc<Connection>) {
    let started = Instant::now();
    let mut eye = Eye::default();
    let mut liveness = Liveness::new(started.elapsed(), eye.look(&connection).heard);
    loop {
        if connection.take_doubt() {
            liveness.doubt();
        }
        let signs = eye.look(&connection);
        let verdict = liveness.look(started.elapsed(), signs, patience(&connection.transport));
        connection.weigh(eye.moved / BYTES_LIKE_A_REQUEST);
        if connection.learn_limit() {
            tunnel.room();
        }
        if verdict.ask {
            connection.transport.ask();
        }
        if connection.set_health(verdict.health) {
            tell(&tunnel, &connection, verdict.health);
        }
        let working = signs.working || verdict.health != Health::Healthy;
        tokio::select! {
            () = connection.ended() => return,
            () = connection.woken(), if !working => {}
            () = connection.room_again() => tunnel.room(),
            () = pause(verdict.next) => {}
        }
    }
}

async fn pause(next: Option<std::time::Duration>) {
    match next {
        Some(next) => tokio::time::sleep(next).await,
        None => std::future::pending().await,
    }
}

fn patience(transport: &Transport) -> Patience {
    match transport {
        Transport::Quic(quic) => Patience::quic(quic.rtt()),
        Transport::Http2(_) => Patience::HTTP2,
    }
}

fn tell(tunnel: &Tunnel, connection: &Arc<Connection>, health: Health) {
    let (tunnel_id, connector) = (tunnel.key.tunnel, connection.connector.id);
    match health {
        Health::Suspect => {
            warn!(
                tunnel.id = %tunnel_id, connection.id = %connection.id, connection.index = %connection.index,
                connector.id = %connector, "connection does not answer; it gets no new requests"
            );
            tunnel.doubt_others(connection);
        }
        Health::Healthy => {
            info!(
                tunnel.id = %tunnel_id, connection.id = %connection.id, connection.index = %connection.index,
                connector.id = %connector, "connection answers again"
            );
            tunnel.recovered();
        }
        Health::Doubted => {}
    }
}

/// Reads a transport's counters.
#[derive(Default)]
struct Eye {
    tally: Tally,
    moved_before: u64,
    /// Bytes moved between the last two looks.
    moved: u64,
}

impl Eye {
    fn look(&mut self, connection: &Connection) -> Signs {
        let (heard, owed, moved) = match &connection.transport {
            Transport::Quic(quic) => {
                let stats = quic.stats();
                let owed = self.tally.owed(stats.asked_frames, stats.acks);
                (stats.acks, owed, stats.sent_bytes + stats.received_bytes)
            }
            Transport::Http2(session) => (session.heard_bytes(), session.is_asked(), session.moved_bytes()),
        };
        self.moved = moved.saturating_sub(self.moved_before);
        self.moved_before = moved;
        Signs {
            heard,
            owed,
            working: connection.pending() > 0,
        }
    }
}
