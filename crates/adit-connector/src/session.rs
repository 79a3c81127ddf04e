//! One connection from its registration to its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use adit_model::ConnectionIndex;
use adit_net::quic::QuicConnection;
use adit_rpc::{RegistrationClient, RpcError};
use adit_wire::registration::{
    ClientInfo, ConnectionDetails, PresentedSecret, RegisterConnection, RegistrationRefusal,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::slot::Shared;
use crate::{LiveConnection, Shutdown, exchange};

/// An edge answers a registration call by then.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// How often a connection's measurements go to the metrics.
const MEASURE_INTERVAL: Duration = Duration::from_secs(5);
/// What this connector can do, in the edge's words. It takes no configuration and no datagrams from the edge.
const FEATURES: [&str; 2] = ["serialized_headers", "support_quic_eof"];

/// How a connection ended.
pub(crate) enum SessionEnd {
    /// This side was told to stop.
    Stopped,
    /// It broke; the reason is for the log.
    Lost(String),
    /// The edge did not take the registration.
    Refused(RegistrationRefusal),
}

/// One connection.
pub(crate) struct Session {
    index: ConnectionIndex,
    shared: Arc<Shared>,
    connection: QuicConnection,
    previous_attempts: u8,
    streams: JoinSet<()>,
}

impl Session {
    pub(crate) fn new(
        index: ConnectionIndex,
        shared: Arc<Shared>,
        connection: QuicConnection,
        previous_attempts: u8,
    ) -> Self {
        Self {
            index,
            shared,
            connection,
            previous_attempts,
            streams: JoinSet::new(),
        }
    }

    /// Registers, then serves until the connection ends or this side is told to stop.
    pub(crate) async fn run(mut self, shutdown: &Shutdown, registered: impl FnOnce()) -> SessionEnd {
        let (send, recv) = match self.connection.open_stream().await {
            Ok(control) => control,
            Err(cause) => return SessionEnd::Lost(cause.to_string()),
        };
        let shared = Arc::clone(&self.shared);
        let (edge, control) = RegistrationClient::start(&shared.lanes, recv, send);
        let end = {
            let mut control = pin!(control);
            let answer = tokio::select! {
                answer = self.register(&edge) => answer,
                ended = &mut control => Err(control_ended(ended)),
                () = shutdown.drain.cancelled() => Err(SessionEnd::Stopped),
            };
            match answer {
                Err(end) => end,
                Ok(details) => {
                    registered();
                    let _live = self.went_live(&details);
                    let end = self.serve(&edge, &details, control.as_mut(), shutdown).await;
                    match end {
                        SessionEnd::Stopped => self.drain(&edge, control.as_mut(), shutdown).await,
                        SessionEnd::Lost(_) | SessionEnd::Refused(_) => {}
                    }
                    end
                }
            }
        };
        self.connection.close(0, "");
        end
    }

    async fn register(&self, edge: &RegistrationClient) -> Result<ConnectionDetails, SessionEnd> {
        let config = &self.shared.config;
        let request = RegisterConnection {
            account_tag: config.token.tunnel.account.to_string(),
            secret: PresentedSecret(config.token.secret.expose().to_vec()),
            tunnel: config.token.tunnel.tunnel,
            index: self.index,
            client: ClientInfo {
                id: self.shared.status.connector_id(),
                features: FEATURES.map(str::to_owned).to_vec(),
                version: config.version.clone(),
                arch: platform(),
            },
            origin_local_ip: self.connection.local_ip(),
            previous_attempts: self.previous_attempts,
        };
        let metrics = &self.shared.proxy.metrics;
        match tokio::time::timeout(CALL_LIMIT, edge.register(request)).await {
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

    /// The connection counts as ready until the answer is dropped.
    fn went_live(&self, details: &ConnectionDetails) -> Live {
        let edge = self.connection.remote_address();
        tracing::info!(
            connIndex = self.index.0, connection = %details.connection, event = 0, ip = %edge.ip(),
            location = details.location, protocol = "quic", "Registered tunnel connection"
        );
        let connection = LiveConnection {
            connection: details.connection,
            edge,
            location: details.location.clone(),
            remotely_managed: details.remotely_managed,
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
            location: details.location.clone(),
        }
    }

    async fn serve(
        &mut self,
        edge: &RegistrationClient,
        details: &ConnectionDetails,
        mut control: std::pin::Pin<&mut impl Future<Output = Result<(), RpcError>>>,
        shutdown: &Shutdown,
    ) -> SessionEnd {
        let reports = self.index.0 == 0 && !details.remotely_managed;
        let mut report = pin!(report(&self.shared, edge));
        let mut reported = !reports;
        let mut measure = tokio::time::interval(MEASURE_INTERVAL);
        // Whatever an edge sends that nobody has asked for.
        let connection = self.connection.clone();
        let mut unasked = pin!(connection.discard_datagrams());
        loop {
            tokio::select! {
                opened = self.connection.accept_stream() => match opened {
                    Ok((send, recv)) => {
                        let proxy = Arc::clone(&self.shared.proxy);
                        self.streams.spawn(exchange::serve(proxy, send, recv));
                    }
                    Err(cause) => return SessionEnd::Lost(cause.to_string()),
                },
                Some(done) = self.streams.join_next() => log_panic(done),
                ended = &mut control => return control_ended(ended),
                () = &mut report, if !reported => reported = true,
                never = &mut unasked => match never {},
                _ = measure.tick() => {
                    self.shared.proxy.metrics.measured(self.index.0, &self.connection.stats());
                }
                () = shutdown.drain.cancelled() => return SessionEnd::Stopped,
            }
        }
    }

    /// Unregisters, and lets what runs finish: at most the grace period, and no longer than needed.
    async fn drain(
        &mut self,
        edge: &RegistrationClient,
        mut control: std::pin::Pin<&mut impl Future<Output = Result<(), RpcError>>>,
        shutdown: &Shutdown,
    ) {
        let mut grace = pin!(tokio::time::sleep(self.shared.config.grace_period));
        let mut unregister = pin!(edge.unregister());
        let (mut unregistered, mut control_ended) = (false, false);
        while !unregistered || !self.streams.is_empty() {
            tokio::select! {
                answer = &mut unregister, if !unregistered => {
                    unregistered = true;
                    match answer {
                        Ok(()) => tracing::info!(connIndex = self.index.0, event = 0, "Unregistered tunnel connection"),
                        Err(error) => tracing::warn!(connIndex = self.index.0, %error, "the edge did not unregister"),
                    }
                }
                // Sent before the edge had the call: it still expects an answer.
                opened = self.connection.accept_stream() => match opened {
                    Ok((send, recv)) => {
                        let proxy = Arc::clone(&self.shared.proxy);
                        self.streams.spawn(exchange::serve(proxy, send, recv));
                    }
                    Err(_gone) => return,
                },
                Some(done) = self.streams.join_next() => log_panic(done),
                // Also how some edges answer.
                _ = &mut control, if !control_ended => (unregistered, control_ended) = (true, true),
                () = &mut grace => return,
                () = shutdown.abort.cancelled() => return,
            }
        }
    }
}

/// Tells the edge what this connector serves, as it comes from no one else.
async fn report(shared: &Shared, edge: &RegistrationClient) {
    let config = json!({
        "__configuration_flags": shared.config.reported_flags,
        "ingress": shared.proxy.ingress.to_json(),
        "warp-routing": {},
    });
    let metrics = &shared.proxy.metrics;
    metrics.config_pushes.increment(1);
    let call = edge.update_local_configuration(config.to_string().into_bytes());
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            metrics.config_push_errors.increment(1);
            tracing::warn!(%error, "the edge did not take the local configuration");
        }
        Err(_elapsed) => {
            metrics.config_push_errors.increment(1);
            tracing::warn!("the edge did not answer to the local configuration");
        }
    }
}

fn control_ended(ended: Result<(), RpcError>) -> SessionEnd {
    SessionEnd::Lost(match ended {
        Ok(()) => "the edge ended the control stream".to_owned(),
        Err(error) => format!("the control stream failed: {error}"),
    })
}

fn log_panic(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        tracing::error!(%error, "a stream's task panicked");
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
struct Live {
    shared: Arc<Shared>,
    index: ConnectionIndex,
    location: String,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.status.closed(self.index);
        self.shared.proxy.metrics.connections.decrement(1.0);
        self.shared
            .proxy
            .metrics
            .located(self.index.0, &self.location, false);
    }
}
