//! Dials TCP through a connector.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use adit_net::private::PrivateDialError;
use adit_wire::{ConnectAnswer, FlowKind, RequestHead};
use http::{HeaderMap, Method, StatusCode};

use super::{FlowPlace, stream::FlowStream};
use crate::{
    opening::{self, NotOpened, Witness},
    replies::Replies,
    route::{Chosen, Route},
    tunnels::Tunnel,
    upstream::UpstreamError,
};

/// How long a connector may take over it. It gives up after 5 s unless it was told otherwise.
const DIAL_LIMIT: Duration = Duration::from_secs(15);
/// Connections that are asked: a dial that a connection swallowed has done nothing yet.
const DIALS: usize = 2;

/// Nobody writes down the ways of a dial.
struct Unseen;

impl Witness for Unseen {
    fn via(&mut self, _chosen: &Chosen) {}

    fn sent(&mut self) {}
}

/// Connects to an address through a tunnel.
pub(super) async fn connect(
    tunnel: Arc<Tunnel>,
    to: SocketAddr,
    held: FlowPlace,
) -> Result<FlowStream, PrivateDialError> {
    let dialled = tokio::time::timeout(DIAL_LIMIT, dial(tunnel, to, held));
    dialled.await.unwrap_or(Err(PrivateDialError::TimedOut))
}

async fn dial(tunnel: Arc<Tunnel>, to: SocketAddr, held: FlowPlace) -> Result<FlowStream, PrivateDialError> {
    let route = Route::private(Arc::clone(&tunnel));
    let head = head(to);
    let mut first = None;
    for _ in 0..DIALS {
        let opened = opening::open(&route, first.take(), &head, true, &mut Unseen).await;
        let (place, upload, answer) = opened.map_err(not_opened)?;
        match answer.head().await {
            Ok((answer, download)) => {
                accepted(answer)?;
                return Ok(FlowStream::new(upload, Replies::new(download), place, held));
            }
            Err(UpstreamError::Lost(_)) => {
                let lost = &place.chosen().connection;
                tunnel.remove(lost);
                first = route.choose_instead_of(lost);
            }
            Err(error) => return Err(PrivateDialError::Broken(error.to_string())),
        }
    }
    Err(PrivateDialError::NoConnector)
}

fn head(to: SocketAddr) -> RequestHead {
    RequestHead {
        kind: FlowKind::Tcp,
        dest: to.to_string(),
        method: Method::GET,
        host: String::new(),
        headers: HeaderMap::new(),
        flow_id: Some(format!("{:016x}", rand::random::<u64>())),
        extras: adit_wire::Extras::default(),
    }
}

fn accepted(answer: ConnectAnswer) -> Result<(), PrivateDialError> {
    match answer {
        ConnectAnswer::Accepted(head) if head.status == StatusCode::OK => Ok(()),
        ConnectAnswer::Accepted(head) => Err(PrivateDialError::Refused(format!("status {}", head.status))),
        ConnectAnswer::Failed(failure) if failure.flow_limited => {
            Err(PrivateDialError::TooMany("the connector has as many as it may"))
        }
        ConnectAnswer::Failed(failure) => Err(PrivateDialError::Refused(failure.message)),
    }
}

fn not_opened(error: NotOpened) -> PrivateDialError {
    match error {
        NotOpened::NoConnection => PrivateDialError::NoConnector,
        NotOpened::Full => PrivateDialError::TooMany("the connector takes no further stream"),
        NotOpened::Unsendable(error) => PrivateDialError::Broken(error.to_string()),
    }
}
