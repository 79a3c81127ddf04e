//! UDP sessions: asked for, found and ended.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_model::SessionId;
use adit_rpc::CallStream;
use adit_wire::calls::RegisterUdpSession;
use adit_wire::datagram::{Version, v3};
use parking_lot::RwLock;

use super::Carrier;
use super::flow::{End, UdpFlow};
use super::limits::FlowPlace;
use super::metrics::Counted;

/// A session ends after this without a datagram where the edge does not say.
const IDLE: Duration = Duration::from_secs(210);
/// And at the latest after this, whatever it says.
const MOST_IDLE: Duration = Duration::from_secs(24 * 3600);

/// Sessions by their ids.
#[derive(Default)]
pub(super) struct Sessions(RwLock<HashMap<SessionId, Arc<UdpFlow>>>);

/// Why there is no session.
enum Refused {
    TooMany,
    NoSocket(String),
}

impl Sessions {
    pub(super) fn get(&self, id: SessionId) -> Option<Arc<UdpFlow>> {
        self.0.read().get(&id).cloned()
    }

    fn insert(&self, flow: &Arc<UdpFlow>) -> Option<Arc<UdpFlow>> {
        self.0.write().insert(flow.id, Arc::clone(flow))
    }

    fn take(&self, id: SessionId) -> Option<Arc<UdpFlow>> {
        self.0.write().remove(&id)
    }

    /// Unless another one has its id by now.
    fn remove(&self, flow: &Arc<UdpFlow>) {
        let mut sessions = self.0.write();
        if sessions
            .get(&flow.id)
            .is_some_and(|other| Arc::ptr_eq(other, flow))
        {
            sessions.remove(&flow.id);
        }
    }
}

/// The edge asks for a session, or for one to move to this connection.
pub(super) fn register_v3(carrier: &Arc<Carrier>, asked: v3::Registration) -> v3::Answer {
    let (private, id) = (&carrier.private, asked.session);
    if let Some(flow) = carrier.sessions().get(id) {
        // One that has just ended makes room for its successor.
        if let Some(moved) = flow.move_to(carrier) {
            match moved {
                true => private.metrics.v3_moved(carrier.index),
                false => private.metrics.v3_asked_again(carrier.index),
            }
            return v3::Answer::Ready;
        }
    }
    let idle = Duration::from_secs(asked.idle_seconds.into());
    match open(carrier, id, asked.to, idle) {
        Ok(()) => v3::Answer::Ready,
        Err(Refused::TooMany) => v3::Answer::TooMany,
        Err(Refused::NoSocket(_)) => v3::Answer::CannotBind,
    }
}

/// The edge asks for a session on this connection.
///
/// # Errors
/// In the words of stock connectors, for the edge.
pub(super) fn register_v2(carrier: &Arc<Carrier>, asked: &RegisterUdpSession) -> Result<(), String> {
    let opened = open(carrier, asked.session, asked.destination, asked.close_after_idle);
    opened.map_err(|refused| match refused {
        Refused::TooMany => {
            "failed to start udp session due to rate limiting: too many active flows".to_owned()
        }
        Refused::NoSocket(why) => why,
    })
}

/// The edge has ended a session of this connection.
pub(super) fn unregister_v2(carrier: &Carrier, session: SessionId) {
    if let Some(flow) = carrier.sessions().take(session) {
        flow.close();
    }
}

fn open(carrier: &Arc<Carrier>, id: SessionId, to: SocketAddr, idle: Duration) -> Result<(), Refused> {
    let private = &carrier.private;
    let places = private.limit.take().zip(private.sockets.take());
    let Some(places) = places else {
        private.metrics.limited("udp");
        tracing::warn!(event = 3, %to, "Too many concurrent sessions being handled, rejecting udp proxy");
        return Err(Refused::TooMany);
    };
    let target = private.dialer.target(to);
    if target.is_resolver {
        private.metrics.dns("udp");
    }
    // A call is answered on another runtime.
    let inside = carrier.runtime.enter();
    let socket = private.dialer.udp(target).map_err(|why| {
        tracing::error!(event = 3, session = %id, error = why, "Failed to create udp proxy to {to}");
        Refused::NoSocket(why)
    })?;
    drop(inside);
    let counted = match carrier.version {
        Version::V2 => private.metrics.v2_session_began(),
        Version::V3 => private.metrics.v3_session_began(carrier.index),
    };
    let idle = if idle.is_zero() { IDLE } else { idle.min(MOST_IDLE) };
    let flow = UdpFlow::new(id, socket, idle, carrier);
    if let Some(before) = carrier.sessions().insert(&flow) {
        before.close();
    }
    tracing::debug!(event = 3, connIndex = carrier.index, session = %id, dst = %to, "Registered session");
    let run = run(Arc::clone(carrier), flow, places, counted);
    private.tasks.spawn_on(run, &carrier.runtime);
    Ok(())
}

/// Runs a session that began on this connection to its end.
async fn run(began_on: Arc<Carrier>, flow: Arc<UdpFlow>, places: (FlowPlace, FlowPlace), counted: Counted) {
    let end = flow.run().await;
    began_on.sessions().remove(&flow);
    drop((places, counted));
    let words = flow.words(&end);
    tracing::debug!(event = 3, session = %flow.id, why = words, "Session terminated");
    match (began_on.version, end) {
        (Version::V2, End::Idle | End::Failed(_)) => tell_end(&began_on, &flow, words).await,
        (Version::V3, End::Failed(_)) => began_on.private.metrics.v3_session_failed(began_on.index),
        (_, End::Idle | End::Closed | End::Lost) => {}
    }
}

/// Tells the edge that a session is over.
async fn tell_end(carrier: &Carrier, flow: &UdpFlow, words: String) {
    let told = async {
        // Never closed.
        let _turn = carrier.calls.acquire().await;
        let (send, recv) = carrier
            .quic
            .open_stream()
            .await
            .map_err(|cause| cause.to_string())?;
        let call = CallStream::new(&carrier.private.lanes, recv, send);
        let told = call.unregister_udp_session(flow.id, words).await;
        told.map_err(|error| error.to_string())
    };
    tokio::select! {
        told = told => {
            if let Err(error) = told {
                tracing::debug!(session = %flow.id, error, "the edge did not hear that a session is over");
            }
        }
        () = carrier.ended.cancelled() => {}
        () = carrier.private.stopped.cancelled() => {}
    }
}
