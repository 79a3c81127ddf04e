//! From a good token to a connection whose connector serves management.

use std::sync::Arc;

use adit_core::choice::{self, Choice};
use adit_model::{ConnectorId, Hostname};
use adit_wire::{ConnectAnswer, RequestHead, management::ManagementRefusal};
use tracing::warn;

use crate::{
    connection::{Connection, Place},
    route::Chosen,
    tunnels::Tunnel,
    upstream::{self, Download, Upload, UpstreamError},
};

/// A connection that does not take a request is one of several: how many of them are tried.
const ATTEMPTS: usize = 8;

/// What a good token opens.
#[derive(Debug)]
pub(crate) struct Passage {
    pub(crate) tunnel: Arc<Tunnel>,
    /// Which of its connectors; any if none is named.
    pub(crate) connector: Option<ConnectorId>,
    /// By whom, for the log.
    pub(crate) actor: String,
}

/// A request that a connector has begun to answer.
pub(crate) struct Way {
    pub(crate) place: Place,
    pub(crate) upload: Upload,
    pub(crate) answer: ConnectAnswer,
    pub(crate) download: Download,
}

impl Passage {
    /// Sends the head over a connection whose connector is known to serve management under `host`, and waits for its
    /// answer; `has_body` as in [`upstream::open`]. Connectors that do not know the name never see it. What a connection
    /// swallowed goes over another one: management requests only read.
    pub(crate) async fn open(
        &self,
        host: &Hostname,
        head: &RequestHead,
        has_body: bool,
    ) -> Result<Way, ManagementRefusal> {
        let mut left_out: Vec<Arc<Connection>> = Vec::new();
        let mut refusal = ManagementRefusal::NoConnector;
        for _ in 0..ATTEMPTS {
            let connection = match self.choose(&left_out) {
                Choice::Take(connection) => connection,
                Choice::Full => return Err(ManagementRefusal::Full),
                Choice::Nobody => break,
            };
            left_out.push(Arc::clone(&connection));
            let chosen = Chosen {
                tunnel: Arc::clone(&self.tunnel),
                connection: Arc::clone(&connection),
            };
            let Some(place) = Place::on(chosen) else {
                continue;
            };
            let opened = match connection.management.serves(&connection, host.as_str()).await {
                Ok(true) => exchange(&connection, head, has_body).await,
                Ok(false) => {
                    warn!(
                        tunnel.id = %self.tunnel.key.tunnel, connector.id = %connection.connector.id, %host,
                        "the connector does not serve management under this name; see TUNNEL_MANAGEMENT_HOSTNAME"
                    );
                    refusal = ManagementRefusal::UnknownToConnector;
                    continue;
                }
                Err(error) => Err(error),
            };
            match opened {
                Ok((upload, (answer, download))) => {
                    return Ok(Way {
                        place,
                        upload,
                        answer,
                        download,
                    });
                }
                Err(UpstreamError::Full) => {
                    connection.fill();
                    refusal = ManagementRefusal::Full;
                }
                Err(UpstreamError::NotSent) => {
                    self.tunnel.remove(&connection);
                }
                Err(UpstreamError::Lost(_) | UpstreamError::Broken(_) | UpstreamError::Malformed(_)) => {
                    refusal = ManagementRefusal::Broke;
                }
            }
        }
        Err(refusal)
    }

    /// A connection of the connector that is meant, except these.
    fn choose(&self, left_out: &[Arc<Connection>]) -> Choice<Arc<Connection>> {
        let connections = self.tunnel.connections();
        let candidates: Vec<&Arc<Connection>> = connections
            .iter()
            .filter(|connection| self.connector.is_none_or(|id| connection.connector.id == id))
            .filter(|connection| !left_out.iter().any(|other| Arc::ptr_eq(other, connection)))
            .collect();
        choice::choose(&candidates, |connection| connection.candidate(), rand::random())
            .map(|connection| Arc::clone(connection))
    }
}

async fn exchange(
    connection: &Connection,
    head: &RequestHead,
    has_body: bool,
) -> Result<(Upload, (ConnectAnswer, Download)), UpstreamError> {
    let (upload, answer) = upstream::open(connection, head, has_body).await?;
    Ok((upload, answer.head().await?))
}
