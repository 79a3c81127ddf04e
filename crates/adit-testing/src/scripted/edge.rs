//! An edge that does what a test says.

mod connection;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_model::ConnectionId;
use adit_net::quic::{HandshakeLimits, QuicConnection, QuicKeys, QuicListener};
use adit_net::tls::{self, CertificateSlot, TrustAnchors};
use adit_rpc::{Registrar, RpcLanes, serve_registration};
use adit_wire::registration::{ConnectionDetails, RegisterConnection, RegistrationAnswer};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

pub use connection::{Answer, EdgeConnection, Exchange};

use super::TestIdentity;
use crate::wait_for;

/// How an edge answers registrations.
pub type Script = Arc<dyn Fn(&RegisterConnection) -> RegistrationAnswer + Send + Sync>;

/// An edge for one connector under test, on a port and a runtime of its own: it can be killed as abruptly as a process,
/// and comes back on the same port with the same keys.
pub struct ScriptedEdge {
    identity: TestIdentity,
    keys: QuicKeys,
    addr: SocketAddr,
    state: Arc<State>,
    running: Option<Runtime>,
}

struct State {
    script: Script,
    lanes: RpcLanes,
    live: Mutex<Vec<EdgeConnection>>,
    registrations: Mutex<Vec<RegisterConnection>>,
}

impl ScriptedEdge {
    /// An edge that takes every registration.
    #[must_use]
    pub fn start() -> Self {
        Self::scripted(Arc::new(|_| Ok(Self::details())))
    }

    /// An edge that answers registrations as `script` says.
    #[must_use]
    pub fn scripted(script: Script) -> Self {
        let state = State {
            script,
            lanes: RpcLanes::start(1).unwrap(),
            live: Mutex::default(),
            registrations: Mutex::default(),
        };
        let mut edge = Self {
            identity: TestIdentity::edge(),
            keys: QuicKeys::generate().unwrap(),
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            state: Arc::new(state),
            running: None,
        };
        edge.restart();
        edge
    }

    /// What a registration is answered with.
    #[must_use]
    pub fn details() -> ConnectionDetails {
        ConnectionDetails {
            connection: ConnectionId::random(),
            location: "test01".to_owned(),
            remotely_managed: false,
        }
    }

    /// Where connectors dial.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How connectors trust it.
    #[must_use]
    pub fn anchors(&self) -> TrustAnchors {
        self.identity.anchors.clone()
    }

    /// Ends without a word, as a killed process does.
    pub fn kill(&mut self) {
        self.state.live.lock().clear();
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_background();
        }
    }

    /// Comes back on the same port with the same keys.
    pub fn restart(&mut self) {
        self.kill();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = {
            let _inside = runtime.enter();
            self.bind()
        };
        self.addr = listener.local_addr().unwrap();
        let state = Arc::clone(&self.state);
        drop(runtime.spawn(accept(listener, state)));
        self.running = Some(runtime);
    }

    /// The connections that are registered and open, in the order of their registrations.
    #[must_use]
    pub fn live(&self) -> Vec<EdgeConnection> {
        let mut live = self.state.live.lock();
        live.retain(EdgeConnection::is_open);
        live.clone()
    }

    /// Every registration call so far.
    #[must_use]
    pub fn registrations(&self) -> Vec<RegisterConnection> {
        self.state.registrations.lock().clone()
    }

    /// Waits until exactly `count` connections are registered and open, and gives them.
    pub async fn connected(&self, count: usize) -> Vec<EdgeConnection> {
        wait_for("registered connections", async || self.live().len() == count).await;
        self.live()
    }

    /// A killed predecessor's socket takes a moment to close.
    fn bind(&self) -> QuicListener {
        let tls = tls::edge_quic_config(CertificateSlot::new(&self.identity.identity)).unwrap();
        let began = Instant::now();
        loop {
            match QuicListener::bind(
                self.addr,
                Arc::clone(&tls),
                &self.keys,
                HandshakeLimits::default(),
            ) {
                Ok(listener) => return listener,
                Err(error) => assert!(began.elapsed() < Duration::from_secs(5), "cannot bind: {error}"),
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for ScriptedEdge {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn accept(listener: QuicListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Some(incoming) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            if let Ok(connection) = incoming.finish().await {
                control(connection, &state).await;
            }
        });
    }
}

/// Serves the control stream of one connection.
async fn control(connection: QuicConnection, state: &Arc<State>) {
    let Ok((send, recv)) = connection.accept_stream().await else {
        return;
    };
    let registrar = Arc::new(Calls {
        state: Arc::clone(state),
        connection: connection.clone(),
        registered: Mutex::default(),
    });
    tokio::select! {
        _ = connection.closed() => {}
        ended = serve_registration(&state.lanes, recv, send, registrar) => {
            // An edge keeps a connection whose control stream ended until the connector closes it.
            drop(ended);
            connection.closed().await;
        }
    }
}

struct Calls {
    state: Arc<State>,
    connection: QuicConnection,
    registered: Mutex<Option<EdgeConnection>>,
}

#[async_trait]
impl Registrar for Calls {
    async fn register(&self, request: RegisterConnection) -> RegistrationAnswer {
        self.state.registrations.lock().push(request.clone());
        let answer = (self.state.script)(&request);
        if answer.is_ok() {
            self.connection.set_window(16 << 20);
            let connection = EdgeConnection::new(self.connection.clone(), request);
            *self.registered.lock() = Some(connection.clone());
            self.state.live.lock().push(connection);
        }
        answer
    }

    async fn unregister(&self) {
        if let Some(connection) = self.registered.lock().as_ref() {
            connection.set_unregistered();
        }
    }

    async fn update_local_configuration(&self, json: Vec<u8>) -> Result<(), String> {
        if let Some(connection) = self.registered.lock().as_ref() {
            connection.set_local_configuration(json);
        }
        Ok(())
    }
}
