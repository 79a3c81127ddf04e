//! How to reach a management host.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use http::uri::Authority;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    data_dir::run_file::RunFile, environment::reachable_here, failure::Failure, rest::tls,
    tunnel::options::set,
};

const HTTPS_PORT: u16 = 443;

/// A management host, and where it is.
pub(super) struct Way {
    /// With its port, if one was given.
    authority: Authority,
    /// Where it listens on this machine, if that is known without asking DNS.
    here: Option<SocketAddr>,
    tls: Arc<ClientConfig>,
}

impl Way {
    /// The way to a host such as `management.example.com` or `management.example.com:8443`. An Adit that runs here is
    /// reached where it listens; names below `localhost` are on this machine: RFC 6761, section 6.3.
    ///
    /// # Errors
    /// If that is no host, or the CA file cannot be used.
    pub(super) fn to(host: &str, running: Option<&RunFile>, ca: Option<&PathBuf>) -> Result<Self, Failure> {
        let authority: Authority = host
            .parse()
            .ok()
            .filter(|_| !host.contains(['@', '/']))
            .ok_or_else(|| Failure::usage(format!("{host:?} is not a management host")))?;
        let config =
            tls::client_config(set(ca).map(PathBuf::as_path)).map_err(|error| error.while_to("use TLS"))?;
        Ok(Self {
            here: here(&authority, running),
            authority,
            tls: Arc::new(config),
        })
    }

    /// The host, as it stands in URLs.
    pub(super) const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Connects and shakes hands.
    ///
    /// # Errors
    /// Says what is in the way.
    pub(super) async fn open(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let unreachable = |error: std::io::Error| {
            let is_certificate = error.to_string().contains("certificate");
            let failure = Failure::failed(
                anyhow::Error::new(error).context(format!("cannot reach {}", self.authority)),
            );
            failure.hint(if is_certificate {
                "name Adit's CA with TUNNEL_CACERT or --cacert; `adit env` prints it"
            } else {
                "if HTTPS is not on port 443, use --management-hostname HOST:PORT"
            })
        };
        let port = self.authority.port_u16().unwrap_or(HTTPS_PORT);
        let stream = match self.here {
            Some(address) => TcpStream::connect(address).await,
            None => TcpStream::connect((self.authority.host(), port)).await,
        }
        .map_err(unreachable)?;
        let name = ServerName::try_from(self.authority.host().to_owned())
            .map_err(|_| Failure::usage(format!("{} is not a host name", self.authority.host())))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        connector.connect(name, stream).await.map_err(unreachable)
    }
}

fn here(authority: &Authority, running: Option<&RunFile>) -> Option<SocketAddr> {
    let (host, port) = (authority.host(), authority.port_u16());
    if let Some(run) = running
        && port.is_none()
        && host.eq_ignore_ascii_case(&format!("management.{}", run.domain))
        && let Some(https) = run.listeners.https
    {
        return Some(reachable_here(https));
    }
    let is_local = host.to_ascii_lowercase().ends_with(".localhost");
    is_local.then(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.unwrap_or(HTTPS_PORT)))
}
