//! An edge that does what a test says.

mod connection;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_model::ConnectionId;
use adit_net::h2::{H2Limits, H2Session};
use adit_net::quic::{HandshakeLimits, QuicConnection, QuicKeys, QuicListener};
use adit_net::tls::{self, CertificateSlot, TlsLimits, TlsListener, TlsStream, TrustAnchors};
use adit_rpc::{Registrar, RpcLanes, serve_registration};
use adit_wire::http2::{UPGRADE_CONTROL, UPGRADE_HEADER};
use adit_wire::registration::{ConnectionDetails, RegisterConnection, RegistrationAnswer};
use async_trait::async_trait;
use http::Request;
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use connection::Carrier;
pub use connection::{Answer, EdgeConnection, Exchange};

use super::TestIdentity;
use crate::wait_for;

/// How an edge answers registrations.
pub type Script = Arc<dyn Fn(&RegisterConnection) -> RegistrationAnswer + Send + Sync>;

/// Where an edge listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transports {
    /// UDP.
    Quic,
    /// TCP.
    Http2,
    /// Both, on the same port.
    Both,
}

/// An edge for one connector under test, on a port and a runtime of its own: it can be killed as abruptly as a process,
/// and comes back on the same port with the same keys.
pub struct ScriptedEdge {
    identity: TestIdentity,
    keys: QuicKeys,
    addr: SocketAddr,
    transports: Transports,
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
        Self::listening(([127, 0, 0, 1], 0).into(), Transports::Quic, script)
    }

    /// An edge that takes every registration, on these transports.
    #[must_use]
    pub fn on(transports: Transports) -> Self {
        let everything: Script = Arc::new(|_| Ok(Self::details()));
        Self::listening(([127, 0, 0, 1], 0).into(), transports, everything)
    }

    /// An edge that listens there, and answers registrations as `script` says.
    ///
    /// # Panics
    /// When the address cannot be had.
    #[must_use]
    pub fn listening(addr: SocketAddr, transports: Transports, script: Script) -> Self {
        let state = State {
            script,
            lanes: RpcLanes::start(1).unwrap(),
            live: Mutex::default(),
            registrations: Mutex::default(),
        };
        let mut edge = Self {
            identity: TestIdentity::edge(),
            keys: QuicKeys::generate().unwrap(),
            addr,
            transports,
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

    /// Its certificate as PEM, for programs that read files.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.identity.ca_pem
    }

    /// Ends without a word, as a killed process does.
    pub fn kill(&mut self) {
        self.state.live.lock().clear();
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_background();
        }
    }

    /// From now on it listens on UDP beside TCP; its connections stay.
    ///
    /// # Panics
    /// If it was killed, or somebody else has the port.
    pub fn open_udp(&mut self) {
        self.transports = Transports::Both;
        let runtime = self.running.as_ref().expect("it runs");
        let inside = runtime.enter();
        let listener = again(|| self.bind_udp());
        drop(inside);
        drop(runtime.spawn(accept(listener, Arc::clone(&self.state))));
    }

    /// Comes back on the same port with the same keys.
    pub fn restart(&mut self) {
        self.kill();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let inside = runtime.enter();
        if self.transports != Transports::Quic {
            let listener = again(|| self.bind_tcp());
            self.addr = listener.local_addr().unwrap();
            let state = Arc::clone(&self.state);
            drop(runtime.spawn(accept_tcp(listener, state)));
        }
        if self.transports != Transports::Http2 {
            let listener = again(|| self.bind_udp());
            self.addr = listener.local_addr().unwrap();
            let state = Arc::clone(&self.state);
            drop(runtime.spawn(accept(listener, state)));
        }
        drop(inside);
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

    fn bind_udp(&self) -> std::io::Result<QuicListener> {
        let tls = tls::edge_quic_config(CertificateSlot::new(&self.identity.identity)).unwrap();
        QuicListener::bind(self.addr, tls, &self.keys, HandshakeLimits::default())
    }

    fn bind_tcp(&self) -> std::io::Result<TlsListener> {
        let tls = tls::edge_tcp_config(CertificateSlot::new(&self.identity.identity)).unwrap();
        TlsListener::bind(self.addr, tls, TlsLimits::default())
    }
}

/// A killed predecessor's socket takes a moment to close.
fn again<T>(bind: impl Fn() -> std::io::Result<T>) -> T {
    let began = Instant::now();
    loop {
        match bind() {
            Ok(listener) => return listener,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(5), "cannot bind: {error}"),
        }
        std::thread::yield_now();
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
    let registrar = Calls::new(state, Carrier::Quic(connection.clone()));
    tokio::select! {
        _ = connection.closed() => {}
        ended = serve_registration(&state.lanes, recv, send, registrar) => {
            // An edge keeps a connection whose control stream ended until the connector closes it.
            drop(ended);
            connection.closed().await;
        }
    }
}

async fn accept_tcp(listener: TlsListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok(incoming) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            if let Ok(stream) = incoming.finish().await {
                control_http2(stream, &state).await;
            }
        });
    }
}

/// Serves one connection over HTTP/2, on which the edge is the client.
async fn control_http2(stream: TlsStream, state: &Arc<State>) {
    let Ok((session, driver)) = H2Session::start(stream, H2Limits::default()).await else {
        return;
    };
    let registrar = Calls::new(state, Carrier::Http2(session.clone()));
    let carried = Arc::clone(&registrar);
    let serving = async {
        let request = Request::get("https://h2.cftunnel.com/").header(UPGRADE_HEADER, UPGRADE_CONTROL);
        let (response, body) = session.open(request.body(()).unwrap(), false).await?;
        let (_head, answer) = response.await?;
        // As on QUIC; a refused connector waits for the edge to close.
        drop(serve_registration(&state.lanes, answer, body, registrar).await);
        if carried.registered.lock().is_none() {
            session.close();
        }
        std::future::pending::<Result<(), adit_net::h2::H2Error>>().await
    };
    tokio::select! {
        _ = driver.run() => {}
        _ = serving => {}
    }
    // Its handles tell that it is over.
    session.close();
}

struct Calls {
    state: Arc<State>,
    carrier: Carrier,
    registered: Mutex<Option<EdgeConnection>>,
}

impl Calls {
    fn new(state: &Arc<State>, carrier: Carrier) -> Arc<Self> {
        Arc::new(Self {
            state: Arc::clone(state),
            carrier,
            registered: Mutex::default(),
        })
    }
}

#[async_trait]
impl Registrar for Calls {
    async fn register(&self, request: RegisterConnection) -> RegistrationAnswer {
        self.state.registrations.lock().push(request.clone());
        let answer = (self.state.script)(&request);
        if answer.is_ok() {
            self.carrier.set_window(16 << 20);
            let connection = EdgeConnection::new(self.carrier.clone(), request);
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
