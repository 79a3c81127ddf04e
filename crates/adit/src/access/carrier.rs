//! One WebSocket to the public host name of a TCP service.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use adit_net::proxy::{EnvironmentProxies, ThroughProxyError, UnusableProxy};
use adit_wire::{Destination, websocket::HALF_CLOSE};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{
        CONNECTION, HOST, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use http_body_util::Empty;
use hyper::{body::Incoming, client::conn::http1, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::application::Application;

/// How long all handshakes may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where the vendor's login service sends who has not logged in.
const LOGIN_PATH: &str = "/cdn-cgi/access/login";

/// How WebSockets to one service are opened.
pub(super) struct Carrier {
    pub(super) application: Application,
    /// Where to connect instead of the application's host and port.
    pub(super) connect_to: Option<(String, u16)>,
    /// The name that TLS asks for.
    pub(super) server_name: String,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) proxies: EnvironmentProxies,
    /// What is said beside the handshake.
    pub(super) headers: HeaderMap,
}

/// An open WebSocket.
pub(super) struct Flow {
    pub(super) io: TokioIo<Upgraded>,
    /// The other side knows that a Close ends one direction only.
    pub(super) half_close: bool,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum CarrierError {
    #[error("cannot connect to {0}")]
    Dial(String, #[source] io::Error),
    #[error("cannot connect through the proxy")]
    Proxy(#[from] ThroughProxyError),
    #[error(transparent)]
    UnusableProxy(#[from] UnusableProxy),
    #[error("TLS with {0} failed")]
    Tls(String, #[source] io::Error),
    #[error("{0:?} is no name that TLS can ask for")]
    Name(String),
    #[error("the connection broke off")]
    Http(#[from] hyper::Error),
    #[error("the request cannot be made")]
    Request(#[from] http::Error),
    #[error("websocket: bad handshake: {0} answers with status {1}")]
    Status(String, StatusCode),
    #[error("websocket: bad handshake: {0} does not take the upgrade")]
    NotOne(String),
    #[error(
        "{0} wants a login with the vendor's access service, which is not in this version; a service token \
         (--service-token-id, --service-token-secret) needs none"
    )]
    Login(String),
    #[error("{0} did not answer in time")]
    Late(String),
}

impl Carrier {
    /// Opens a WebSocket.
    ///
    /// # Errors
    /// [`CarrierError`]
    pub(super) async fn open(&self) -> Result<Flow, CarrierError> {
        let opening = Box::pin(self.opened());
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(opened) => opened,
            Err(_elapsed) => Err(CarrierError::Late(self.place())),
        }
    }

    async fn opened(&self) -> Result<Flow, CarrierError> {
        let tcp = self.dial().await?;
        let tls = self.shake(tcp).await?;
        let key = generate_key();
        let request = self.request(&key)?;
        let (mut sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(tls))
            .await?;
        let mut connection = pin!(connection.with_upgrades());
        let mut asking = pin!(sender.send_request(request));
        let mut running = true;
        let mut response = loop {
            tokio::select! {
                response = &mut asking => break response?,
                ended = &mut connection, if running => {
                    ended?;
                    running = false;
                }
            }
        };
        self.check(&response, &key)?;
        let half_close = response.headers().contains_key(HALF_CLOSE);
        let mut upgrading = pin!(hyper::upgrade::on(&mut response));
        let io = loop {
            tokio::select! {
                upgraded = &mut upgrading => break upgraded?,
                ended = &mut connection, if running => {
                    ended?;
                    running = false;
                }
            }
        };
        Ok(Flow {
            io: TokioIo::new(io),
            half_close,
        })
    }

    fn place(&self) -> String {
        match &self.connect_to {
            Some((host, port)) => format!("{host}:{port}"),
            None => format!("{}:{}", self.application.host, self.application.port),
        }
    }

    async fn dial(&self) -> Result<TcpStream, CarrierError> {
        let (host, port) = match &self.connect_to {
            Some((host, port)) => (host.as_str(), *port),
            None => (self.application.host.as_str(), self.application.port),
        };
        let failed = |error| CarrierError::Dial(self.place(), error);
        let tcp = match self.proxies.find(true, host, port)? {
            Some(proxy) => {
                let to = Destination::host(host, port).ok_or_else(|| CarrierError::Name(host.to_owned()))?;
                let tcp = TcpStream::connect(proxy.address()).await.map_err(failed)?;
                proxy.connect(tcp, &to).await?
            }
            None => connect(host, port).await.map_err(failed)?,
        };
        // What is typed goes at once.
        let _ = tcp.set_nodelay(true);
        Ok(tcp)
    }

    async fn shake(&self, tcp: TcpStream) -> Result<TlsStream<TcpStream>, CarrierError> {
        let name = ServerName::try_from(self.server_name.clone())
            .map_err(|_| CarrierError::Name(self.server_name.clone()))?;
        let shaking = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp);
        shaking
            .await
            .map_err(|error| CarrierError::Tls(self.place(), error))
    }

    fn request(&self, key: &str) -> Result<Request<Empty<Bytes>>, http::Error> {
        let mut request = Request::get(self.application.path.as_str()).body(Empty::new())?;
        let headers = request.headers_mut();
        *headers = self.headers.clone();
        for (name, value) in [
            (HOST, self.application.authority.as_str()),
            (SEC_WEBSOCKET_KEY, key),
            (SEC_WEBSOCKET_VERSION, "13"),
            (CONNECTION, "Upgrade"),
            (UPGRADE, "websocket"),
        ] {
            headers.insert(name, HeaderValue::from_str(value)?);
        }
        headers.insert(HALF_CLOSE, HeaderValue::from_static("1"));
        Ok(request)
    }

    fn check(&self, response: &Response<Incoming>, key: &str) -> Result<(), CarrierError> {
        let (status, headers) = (response.status(), response.headers());
        let host = self.application.authority.clone();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let accepts = headers.get(SEC_WEBSOCKET_ACCEPT);
            let expected = derive_accept_key(key.as_bytes());
            return match accepts.is_some_and(|accept| accept.as_bytes() == expected.as_bytes()) {
                true => Ok(()),
                false => Err(CarrierError::NotOne(host)),
            };
        }
        let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let to_login = location.and_then(|location| location.parse::<http::Uri>().ok());
        if status == StatusCode::FOUND && to_login.is_some_and(|uri| uri.path().starts_with(LOGIN_PATH)) {
            return Err(CarrierError::Login(host));
        }
        Err(CarrierError::Status(host, status))
    }
}

/// Names below `localhost` are on this machine: RFC 6761, section 6.3.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let bare = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if bare.ends_with(".localhost") {
        return TcpStream::connect(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).await;
    }
    TcpStream::connect((host, port)).await
}
