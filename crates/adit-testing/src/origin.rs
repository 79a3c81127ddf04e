//! Origins on loopback: what a connector proxies to in a test.

mod answer;
mod body;
mod grpc;
mod websocket;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
    task::JoinSet,
};

pub use body::pattern;
pub use grpc::GrpcOrigin;

/// An HTTP origin on loopback (HTTP/1.1, and HTTP/2 with prior knowledge). Dropping it closes everything at once.
///
/// | Path | Answer |
/// |---|---|
/// | `/bytes/N` | N bytes of [`pattern`] with a length; `?chunked` leaves the length out |
/// | `/upload` | reads the body; JSON `{"bytes":N,"sha256":"…"}` |
/// | `/early` | 413 at once; the body is read afterwards and thrown away |
/// | `/status/CODE` | that status with a short body |
/// | `/cookies` | two `Set-Cookie` headers |
/// | `/events` | an event stream of what [`Origin::emit`] is given; `?count=N` sends N events and ends |
/// | `/held` | its head only after [`Origin::release`] |
/// | `/drip/N` | N bytes, one each 10 ms |
/// | `/reset/N` | announces twice N bytes, sends at most N and breaks off; `?chunked` leaves the length out |
/// | `/hangup` | closes the connection without an answer |
/// | `/websocket` | echoes WebSocket messages; closes when asked to |
/// | `/websocket/raw` | accepts the upgrade, then echoes bytes as they come, without knowing frames |
/// | anything else | JSON `{"method","target","version","headers":[[name,value],…],"body_bytes"}` of the request |
#[derive(Debug)]
pub struct Origin {
    addr: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    /// What every path answers, if the origin has only one thing to say.
    saying: Option<String>,
    requests: AtomicU64,
    live: AtomicU64,
    events: broadcast::Sender<String>,
    released: watch::Sender<bool>,
}

impl Origin {
    /// Starts an origin on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        Self::listen(None, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts an origin that answers this text on every path.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn saying(text: &str) -> Self {
        Self::listen(Some(text.to_owned()), SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts an origin at an address, such as the one that another origin has left.
    ///
    /// # Panics
    /// When the address is taken.
    pub async fn start_at(addr: SocketAddr) -> Self {
        Self::listen(None, addr).await
    }

    async fn listen(saying: Option<String>, addr: SocketAddr) -> Self {
        let listener = TcpListener::bind(addr)
            .await
            .expect("the origin's address is free");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            saying,
            requests: AtomicU64::new(0),
            live: AtomicU64::new(0),
            // A reader that lags behind 64 events misses the oldest ones and goes on.
            events: broadcast::Sender::new(64),
            released: watch::Sender::new(false),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            addr,
            shared,
            _accepting: accepting,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many requests have reached it.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// How many requests it is working on: from their head to the end of their answer, or until their client went.
    #[must_use]
    pub fn live_requests(&self) -> u64 {
        self.shared.live.load(Ordering::Relaxed)
    }

    /// Sends an event to all who read `/events`, and tells how many those are.
    pub fn emit(&self, event: &str) -> usize {
        self.shared.events.send(event.to_owned()).unwrap_or(0)
    }

    /// Lets every request to `/held` have its answer, those to come as well.
    pub fn release(&self) {
        self.shared.released.send_replace(true);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    // An upgraded connection outlives its request, so its echo is owned here.
    let upgrades = websocket::Upgrades::default();
    let service = service_fn(|request| answer::answer(request, Arc::clone(&shared), upgrades.clone()));
    let builder = auto::Builder::new(TokioExecutor::new());
    // A connection that breaks is what some tests are about.
    let _ = builder
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await;
    upgrades.finish().await;
}
