//! `access tcp`, also as `ssh`, `rdp` and `smb`: a local listener or stdin and stdout, each connection one WebSocket.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use adit_net::{
    proxy::EnvironmentProxies,
    tls::{TrustAnchors, outgoing_config},
};
use clap::Args as _;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use super::{
    application::{Application, ApplicationError},
    carrier::Carrier,
    debug::{Pieces, Watched},
    headers::{self, Said},
    listener, logs,
    relay::{self, Ends},
    stdio,
};
use crate::{
    failure::Failure,
    open_files, output,
    personality::Personality,
    rest::tls,
    tunnel::options::{path, set},
};

/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;
/// After an accept that failed, as when too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Carries connections, or stdin and stdout, to a TCP service behind a tunnel.
#[derive(Debug, clap::Args)]
pub(super) struct Forward {
    /// Where to listen, instead of --url
    #[arg(value_name = "HOST:PORT", hide = true)]
    words: Vec<String>,
    /// The public host name of the service
    #[arg(
        long,
        short = 'T',
        visible_alias = "tunnel-host",
        value_name = "HOST",
        env = "TUNNEL_SERVICE_HOSTNAME",
        hide_env_values = true
    )]
    hostname: Option<String>,
    /// Where a bastion is to connect
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "TUNNEL_SERVICE_DESTINATION",
        hide_env_values = true
    )]
    destination: Option<String>,
    /// Listen here, each connection one of the service's; without it stdin and stdout are the connection
    #[arg(
        long,
        short = 'L',
        visible_alias = "listener",
        value_name = "HOST:PORT",
        env = "TUNNEL_SERVICE_URL",
        hide_env_values = true
    )]
    url: Option<String>,
    /// A header to send, `Name: value`; several times for several
    #[arg(long, short = 'H', value_name = "HEADER")]
    header: Vec<String>,
    /// The id of a service token
    #[arg(
        long,
        visible_alias = "id",
        value_name = "ID",
        env = "TUNNEL_SERVICE_TOKEN_ID",
        hide_env_values = true
    )]
    service_token_id: Option<String>,
    /// The secret of a service token; better in its variable, for others see the flags of a process
    #[arg(
        long,
        visible_alias = "secret",
        value_name = "SECRET",
        env = "TUNNEL_SERVICE_TOKEN_SECRET",
        hide_env_values = true
    )]
    service_token_secret: Option<String>,
    /// A CA that may have signed the host's certificate, beside the system's
    #[arg(long, value_name = "FILE", env = "TUNNEL_CACERT", hide_env_values = true, value_parser = path())]
    cacert: Option<PathBuf>,
    #[command(flatten)]
    logs: logs::LogFlags,
    /// Connect elsewhere: HOST, HOST:PORT or NAME:PORT:HOST, of which the last does not verify the certificate
    #[arg(long, hide = true, value_name = "PLACE")]
    connect_to: Option<String>,
    /// Log the first N pieces that pass
    #[arg(long, hide = true, value_name = "N")]
    debug_stream: Option<u64>,
}

impl Forward {
    /// Whether it serves many clients, not stdin and stdout.
    pub(super) fn listens(&self) -> bool {
        self.url.is_some() || !self.words.is_empty()
    }

    /// Listens until a signal, or carries stdin and stdout until their end.
    ///
    /// # Errors
    /// Says what is wrong with the command line, or why nothing is carried.
    pub(super) async fn run(self, personality: Personality) -> Result<(), Failure> {
        // Where stdin and stdout are somebody's connection, the terminal is theirs, too.
        self.logs.start(self.listens(), personality);
        let application = match Application::parse(self.hostname.as_deref().unwrap_or_default()) {
            Ok(application) => application,
            // The stock client prints its help and calls that a success.
            Err(ApplicationError::Missing) if personality == Personality::Cloudflared => {
                let help = Self::augment_args(clap::Command::new("cloudflared access tcp")).render_help();
                return output::result(&help.to_string());
            }
            Err(error) => return Err(Failure::usage(error).hint("--hostname HOST")),
        };
        let listen = self.listen_address()?;
        let carrier = self.carrier(application, personality)?;
        match listen {
            Some(address) => serve(carrier, address).await,
            None => self.carry_stdio(&carrier).await,
        }
    }

    fn listen_address(&self) -> Result<Option<(String, u16)>, Failure> {
        let text = match (&self.url, &self.words[..]) {
            (Some(_), [_, ..]) => {
                return Err(Failure::because(
                    "where to listen is said twice: by --url (or TUNNEL_SERVICE_URL) and by an argument",
                ));
            }
            (Some(text), []) | (None, [text, ..]) => text,
            (None, []) => return Ok(None),
        };
        let parsed = listener::parse(text).map_err(Failure::because);
        parsed.map(Some)
    }

    fn carrier(&self, application: Application, personality: Personality) -> Result<Carrier, Failure> {
        let user_agent = match personality {
            Personality::Adit => concat!("adit/", env!("CARGO_PKG_VERSION")),
            Personality::Cloudflared => concat!("cloudflared/2026.8.2 adit/", env!("CARGO_PKG_VERSION")),
        };
        let headers = headers::headers(&Said {
            headers: &self.header,
            token_id: self.service_token_id.as_deref(),
            token_secret: self.service_token_secret.as_deref(),
            destination: self.destination.as_deref(),
            user_agent,
        });
        let headers = headers.map_err(Failure::usage)?;
        let connect_to = ConnectTo::read(self.connect_to.as_deref(), &application)?;
        let mut config = if connect_to.unverified {
            let name = &connect_to.server_name;
            tracing::warn!("the certificate is not verified, because --connect-to asks for the name {name}");
            outgoing_config(&TrustAnchors::Unchecked).map_err(Failure::failed)?
        } else {
            tls::client_config(set(self.cacert.as_ref()).map(PathBuf::as_path))
                .map_err(|error| error.while_to("use TLS"))?
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Carrier {
            application,
            connect_to: connect_to.at,
            server_name: connect_to.server_name,
            tls: Arc::new(config),
            proxies: EnvironmentProxies::read(|name| std::env::var(name).ok()),
            headers,
        })
    }

    async fn carry_stdio(&self, carrier: &Carrier) -> Result<(), Failure> {
        let flow = carrier.open().await.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(
                error,
                originURL = carrier.application.url(),
                "failed to connect to origin"
            );
            Failure::failed(anyhow::anyhow!("{}", chain(error)))
        })?;
        let stdin = stdio::stdin()
            .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot read stdin")))?;
        let pieces = Pieces::of(self.debug_stream);
        let local = (
            Watched {
                inner: stdin,
                pieces: pieces.clone(),
            },
            Watched {
                inner: stdio::stdout(),
                pieces,
            },
        );
        if let Err(error) = relay::relay(local, flow, Ends::WithTheRemote).await {
            tracing::debug!(%error, "the connection broke off");
        }
        Ok(())
    }
}

/// `--connect-to`, for tests of an edge that DNS does not name.
struct ConnectTo {
    at: Option<(String, u16)>,
    server_name: String,
    unverified: bool,
}

impl ConnectTo {
    fn read(text: Option<&str>, application: &Application) -> Result<Self, Failure> {
        let bad = |text: &str| Failure::because(format!("invalid connection override: {text}"));
        let text = text.filter(|text| !text.is_empty());
        let Some(text) = text else {
            return Ok(Self {
                at: None,
                server_name: application.host.clone(),
                unverified: false,
            });
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (name, host, port) = match parts[..] {
            [host] => (None, host, "443"),
            [host, port] => (None, host, port),
            [name, port, host] => (Some(name), host, port),
            _ => return Err(bad(text)),
        };
        let port = port.parse().map_err(|_| bad(text))?;
        Ok(Self {
            at: Some((host.to_owned(), port)),
            // The certificate is that of the place, as with any URL.
            server_name: name.unwrap_or(host).to_owned(),
            unverified: name.is_some(),
        })
    }
}

/// Accepts until a signal ends the process.
async fn serve(carrier: Carrier, (host, port): (String, u16)) -> Result<(), Failure> {
    open_files::raise_limit();
    let listener = listen(&host, port).await.map_err(|error| {
        Failure::failed(
            anyhow::Error::new(error).context(format!("failed to start forwarding server on {host}:{port}")),
        )
    })?;
    let address = listener.local_addr().map_err(Failure::failed)?;
    tracing::info!(host = %address, "Start Websocket listener");
    let (carrier, places) = (Arc::new(carrier), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    let mut connections = JoinSet::new();
    loop {
        // Closed by nobody.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return Ok(());
        };
        while connections.try_join_next().is_some() {}
        let tcp = match listener.accept().await {
            Ok((tcp, _)) => tcp,
            Err(error) => {
                tracing::error!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let carrier = Arc::clone(&carrier);
        connections.spawn(async move {
            carry(&carrier, tcp).await;
            drop(place);
        });
    }
}

/// Listens at the first address of the name that can be had, those of IPv4 first.
async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
    addresses.sort_by_key(|address| address.is_ipv6());
    TcpListener::bind(&addresses[..]).await
}

async fn carry(carrier: &Carrier, tcp: TcpStream) {
    let flow = match carrier.open().await {
        Ok(flow) => flow,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            let error = chain(error);
            tracing::error!(
                error,
                originURL = carrier.application.url(),
                "failed to connect to origin"
            );
            return;
        }
    };
    let _ = tcp.set_nodelay(true);
    let local = tcp.into_split();
    if let Err(error) = relay::relay(local, flow, Ends::Each).await {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
