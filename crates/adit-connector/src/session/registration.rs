//! What a connection says of itself, and what it is from the edge's answer on.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use adit_model::ConnectionIndex;
use adit_rpc::RegistrationClient;
use adit_wire::registration::{ClientInfo, ConnectionDetails, PresentedSecret, RegisterConnection};

use super::{Session, SessionEnd};
use crate::LiveConnection;
use crate::metrics::Procedure;
use crate::slot::Shared;

/// An edge answers a registration call by then.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(5);

impl Session {
    pub(super) fn registration(&self) -> RegisterConnection {
        tracing::debug!(
            connIndex = self.index.0, event = 0, ip = %self.link.remote().ip(),
            protocol = %self.link.protocol(), "Registering tunnel connection"
        );
        let config = &self.shared.config;
        RegisterConnection {
            account_tag: config.token.tunnel.account.to_string(),
            secret: PresentedSecret(config.token.secret.expose().to_vec()),
            tunnel: config.token.tunnel.tunnel,
            index: self.index,
            client: ClientInfo {
                id: self.shared.status.connector_id(),
                features: self.features.clone(),
                version: config.version.clone(),
                arch: platform(),
            },
            origin_local_ip: self.link.local_ip(),
            previous_attempts: self.previous_attempts,
        }
    }

    /// The connection counts as ready until the answer is dropped.
    pub(super) fn went_live(&self, details: &ConnectionDetails) -> Live {
        let (edge, protocol) = (self.link.remote(), self.link.protocol());
        tracing::info!(
            connIndex = self.index.0, connection = %details.connection, event = 0, ip = %edge.ip(),
            location = details.location, %protocol, "Registered tunnel connection"
        );
        let connection = LiveConnection {
            connection: details.connection,
            edge,
            protocol,
            location: details.location.clone(),
            remotely_managed: details.remotely_managed,
            since: SystemTime::now(),
        };
        self.shared.status.opened(self.index, connection);
        self.shared.proxy.metrics.connections.increment(1.0);
        self.shared
            .proxy
            .metrics
            .located(self.index.0, &details.location, true);
        Live {
            shared: Arc::clone(&self.shared),
            index: self.index,
            details: details.clone(),
        }
    }
}

pub(super) async fn register(
    shared: &Shared,
    edge: &RegistrationClient,
    request: RegisterConnection,
) -> Result<ConnectionDetails, SessionEnd> {
    let metrics = &shared.proxy.metrics;
    let began = Instant::now();
    let answer = tokio::time::timeout(CALL_LIMIT, edge.register(request)).await;
    metrics.called(Procedure::REGISTER, began, matches!(&answer, Ok(Ok(Ok(_)))));
    match answer {
        Ok(Ok(Ok(details))) => {
            metrics.registered.increment(1);
            Ok(details)
        }
        Ok(Ok(Err(refusal))) => {
            metrics.register_failed("refused");
            Err(SessionEnd::Refused(refusal))
        }
        Ok(Err(error)) => {
            metrics.register_failed("rpc");
            Err(SessionEnd::Lost(format!("the registration failed: {error}")))
        }
        Err(_elapsed) => {
            metrics.register_failed("timeout");
            Err(SessionEnd::Lost(
                "the edge did not answer the registration".to_owned(),
            ))
        }
    }
}

/// As Go names operating system and architecture.
fn platform() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    format!("{os}_{arch}")
}

/// A connection that counts as ready; dropping it ends that.
pub(super) struct Live {
    shared: Arc<Shared>,
    index: ConnectionIndex,
    details: ConnectionDetails,
}

impl Drop for Live {
    fn drop(&mut self) {
        let metrics = &self.shared.proxy.metrics;
        metrics.connections.decrement(1.0);
        if self.shared.status.closed(self.index, self.details.connection) {
            metrics.located(self.index.0, &self.details.location, false);
        }
    }
}
