//! What a connector's calls on its control stream do.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use adit_core::{
    port::{
        CloseReason, ConnectionClosed, ConnectionOpened, ConnectorInfo, LocallyConfigured, PresenceEvent,
    },
    registration::Refusal,
};
use adit_model::{SecretDigest, Timestamp, TunnelKey};
use adit_rpc::Registrar;
use adit_wire::registration::{
    ConnectionDetails, RegisterConnection, RegistrationAnswer, RegistrationRefusal,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use serde::de::IgnoredAny;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::{
    connection::{Connection, Transport},
    context::Context,
    tunnels::Tunnel,
    watch::keep_watch,
};

/// A replaced connection ends after its requests, or after this long.
const REPLACED_GRACE: Duration = Duration::from_secs(30);

/// How far a control stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing was asked yet.
    Waiting,
    /// In service.
    Registered,
    /// Refused: the connection is of no more use.
    Refused,
    /// The connector said goodbye; running requests finish.
    Unregistered,
}

/// What a local configuration must be; what it holds is the connector's business.
type Object = BTreeMap<String, IgnoredAny>;

/// One control stream and the connection it registers.
pub(crate) struct ControlStream {
    context: Arc<Context>,
    transport: Transport,
    remote: SocketAddr,
    registered: Mutex<Option<(Arc<Tunnel>, Arc<Connection>)>>,
    progress: watch::Sender<Progress>,
    closed: AtomicBool,
}

impl ControlStream {
    pub(crate) fn new(context: Arc<Context>, transport: Transport, remote: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            context,
            transport,
            remote,
            registered: Mutex::new(None),
            progress: watch::Sender::new(Progress::Waiting),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The link has ended: takes the connection out of service and reports it, once.
    pub(crate) fn ended(&self, otherwise: CloseReason) {
        let Some((tunnel, connection)) = self.registered.lock().clone() else {
            return;
        };
        tunnel.remove(&connection);
        connection.end();
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let said_goodbye = *self.progress.borrow() == Progress::Unregistered;
        let fallback = if said_goodbye {
            CloseReason::Unregistered
        } else {
            otherwise
        };
        let reason = connection.close_reason().unwrap_or(fallback);
        self.context.metrics.connection_closed(&self.transport);
        info!(
            tunnel.id = %tunnel.key.tunnel, connection.id = %connection.id, connection.index = %connection.index,
            connector.id = %connection.connector.id, reason = reason.as_str(), "connection closed"
        );
        self.context
            .presence
            .report(PresenceEvent::Closed(ConnectionClosed {
                tunnel: tunnel.key,
                connection: connection.id,
                reason,
                closed_at: SystemTime::now().into(),
            }));
    }

    fn admit(&self, request: RegisterConnection) -> Result<ConnectionDetails, Refusal> {
        let mut registered = self.registered.lock();
        if registered.is_some() {
            return Err(Refusal::AlreadyRegistered);
        }
        let table = self.context.tunnels.load();
        if !table.ready {
            return Err(Refusal::NotReady);
        }
        let account = request.account_tag.parse().map_err(|_| Refusal::TunnelNotFound)?;
        let key = TunnelKey {
            account,
            tunnel: request.tunnel,
        };
        let tunnel = table.tunnel(&key).ok_or(Refusal::TunnelNotFound)?;
        let connector = ConnectorInfo {
            id: request.client.id,
            version: request.client.version,
            arch: request.client.arch,
            features: request.client.features,
            hostname: None,
        };
        let now = Timestamp::from(SystemTime::now());
        let grant = self
            .transport
            .reserve(&self.context.memory)
            .ok_or(Refusal::Overloaded)?;
        let connection = Connection::new(connector, request.index, self.remote, self.transport.clone(), now);
        let (admission, replaced) = tunnel.register(&SecretDigest::of(&request.secret.0), &connection)?;
        if let Some(old) = replaced {
            self.context.tasks.spawn(retire(old));
        }
        connection.widen(grant);
        self.context
            .tasks
            .spawn(keep_watch(Arc::clone(tunnel), Arc::clone(&connection)));
        self.report_opened(&key, &connection);
        let details = ConnectionDetails {
            connection: connection.id,
            location: self.context.location.to_string(),
            remotely_managed: admission.remotely_managed,
        };
        *registered = Some((Arc::clone(tunnel), connection));
        Ok(details)
    }

    fn report_opened(&self, key: &TunnelKey, connection: &Arc<Connection>) {
        self.context.metrics.connection_opened(&self.transport);
        info!(
            tunnel.id = %key.tunnel, connection.id = %connection.id, connection.index = %connection.index,
            connector.id = %connection.connector.id, connector.version = connection.connector.version,
            protocol = %self.transport.protocol(), remote = %self.remote, "connection registered"
        );
        self.context
            .presence
            .report(PresenceEvent::Opened(Box::new(ConnectionOpened {
                tunnel: *key,
                connection: connection.id,
                connector: connection.connector.clone(),
                index: connection.index,
                protocol: self.transport.protocol(),
                origin_ip: self.remote.ip().to_canonical(),
                location: self.context.location.clone(),
                opened_at: connection.opened_at,
            })));
    }
}

/// The newer connection has taken this one's place.
async fn retire(old: Arc<Connection>) {
    let _ = tokio::time::timeout(REPLACED_GRACE, old.drained()).await;
    old.close(CloseReason::Replaced);
}

#[async_trait]
impl Registrar for ControlStream {
    async fn register(&self, request: RegisterConnection) -> RegistrationAnswer {
        let (tunnel, index, connector) = (request.tunnel, request.index, request.client.id);
        match self.admit(request) {
            Ok(details) => {
                self.progress.send_replace(Progress::Registered);
                Ok(details)
            }
            Err(refusal) => {
                warn!(
                    tunnel.id = %tunnel, connection.index = %index, connector.id = %connector,
                    remote = %self.remote, reason = refusal.cause(), "registration refused"
                );
                self.context.metrics.registration_refused();
                self.progress.send_if_modified(|progress| {
                    let first = *progress == Progress::Waiting;
                    if first {
                        *progress = Progress::Refused;
                    }
                    first
                });
                Err(RegistrationRefusal {
                    cause: refusal.cause().to_owned(),
                    retry_after: refusal.retry_after(),
                    should_retry: refusal.should_retry(),
                })
            }
        }
    }

    async fn unregister(&self) {
        let Some((tunnel, connection)) = self.registered.lock().clone() else {
            return;
        };
        tunnel.remove(&connection);
        self.progress.send_replace(Progress::Unregistered);
        debug!(connection.id = %connection.id, "connection unregistered; running requests finish");
    }

    async fn update_local_configuration(&self, json: Vec<u8>) -> Result<(), String> {
        let registered = self.registered.lock().clone();
        let (tunnel, connection) = registered.ok_or("register first")?;
        serde_json::from_slice::<Object>(&json)
            .map_err(|error| format!("the configuration is not a JSON object: {error}"))?;
        let config = String::from_utf8(json).map_err(|_| "the configuration is not UTF-8")?;
        debug!(connection.id = %connection.id, bytes = config.len(), "local configuration received");
        self.context
            .presence
            .report(PresenceEvent::LocallyConfigured(LocallyConfigured {
                tunnel: tunnel.key,
                connector: connection.connector.id,
                config,
                at: SystemTime::now().into(),
            }));
        Ok(())
    }
}
