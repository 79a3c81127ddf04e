//! Opens an edge's listeners.

use std::{io, net::SocketAddr, sync::Arc};

use adit_net::{
    listen_tcp,
    quic::{HandshakeLimits, QuicListener},
    tls::{self, TlsLimits, TlsListener},
};
use tokio::net::TcpListener;
use tracing::warn;

use super::{EdgeConfig, EdgeError};
use crate::{
    certificates::{
        CertificateFolder, CertificateSource, ConnectorNames, IssuingResolver, PublicNames, PublicResolver,
    },
    public::Entrance,
    tunnels::Tunnels,
};

/// How often a free port is looked for that both UDP and TCP can have.
const PORT_ATTEMPTS: usize = 16;

pub(super) fn listen_error(
    purpose: &'static str,
    address: SocketAddr,
) -> impl FnOnce(io::Error) -> EdgeError {
    move |cause| EdgeError::Listen {
        purpose,
        address,
        cause,
    }
}

/// One port for both transports.
pub(super) fn bind_connectors(config: &EdgeConfig) -> Result<(QuicListener, TlsListener), EdgeError> {
    let resolver = IssuingResolver::new(&config.authority, &config.leaf_key, ConnectorNames);
    let quic = tls::edge_quic_config(Arc::clone(&resolver) as _)?;
    let tcp = tls::edge_tcp_config(Arc::clone(&resolver) as _)?;
    let mesh = config.mesh.as_ref().map(|_| tls::edge_mesh_config(resolver));
    let mesh = mesh.transpose()?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let listener = TlsListener::bind(config.connectors, Arc::clone(&tcp), TlsLimits::default())
            .map_err(listen_error("connectors over TCP", config.connectors))?;
        let bound = listener
            .local_addr()
            .map_err(listen_error("connectors over TCP", config.connectors))?;
        match QuicListener::bind(
            bound,
            Arc::clone(&quic),
            &config.quic_keys,
            HandshakeLimits::default(),
        ) {
            Ok(quic) => {
                let listener = match mesh {
                    Some(mesh) => listener.with_mesh(mesh),
                    None => listener,
                };
                return Ok((quic, listener));
            }
            Err(_) if config.connectors.port() == 0 && attempt < PORT_ATTEMPTS => {}
            Err(cause) => return Err(listen_error("connectors over UDP", bound)(cause)),
        }
    }
}

pub(super) fn bind_public(
    config: &EdgeConfig,
    tunnels: &Arc<Tunnels>,
    folder: Option<Arc<CertificateFolder>>,
) -> Result<Vec<Entrance>, EdgeError> {
    let mut entrances = Vec::new();
    if let Some(address) = config.http {
        let listener = listen_tcp(address).map_err(listen_error("public HTTP", address))?;
        entrances.push(Entrance::Plain(listener));
    }
    if let Some(address) = config.https {
        let names = PublicNames {
            domain: config.domain.clone(),
            tunnels: Arc::clone(tunnels),
        };
        let resolver = PublicResolver {
            sources: folder
                .into_iter()
                .map(|folder| folder as Arc<dyn CertificateSource>)
                .collect(),
            own: IssuingResolver::new(&config.authority, &config.leaf_key, names),
        };
        let tls = tls::public_config(Arc::new(resolver))?;
        let listener = TlsListener::bind(address, tls, TlsLimits::default())
            .map_err(listen_error("public HTTPS", address))?;
        let listener = match &config.mesh_carriers {
            Some(_) => listener.with_carriers(carrier_tls(config)?),
            None => listener,
        };
        entrances.push(Entrance::Tls(listener));
    }
    Ok(entrances)
}

/// What carriers of the mesh are served with: the certificate that nodes know from their control connections.
fn carrier_tls(config: &EdgeConfig) -> Result<Arc<rustls::ServerConfig>, EdgeError> {
    let resolver = IssuingResolver::new(&config.authority, &config.leaf_key, ConnectorNames);
    Ok(tls::edge_carrier_config(resolver)?)
}

/// The HTTPS port over UDP, for carriers of the mesh. If it is taken the edge goes without: TLS is there, too.
pub(super) fn bind_carriers(
    config: &EdgeConfig,
    https: Option<SocketAddr>,
) -> Result<Option<QuicListener>, EdgeError> {
    let (Some(_), Some(address)) = (&config.mesh_carriers, https) else {
        return Ok(None);
    };
    let limits = HandshakeLimits::default();
    match QuicListener::bind(address, carrier_tls(config)?, &config.quic_keys, limits) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => {
            warn!(%address, %error, "cannot listen on UDP: packets of mesh nodes that need QUIC come over TLS");
            Ok(None)
        }
    }
}

pub(super) fn bind_proxy(config: &EdgeConfig) -> Result<Option<TcpListener>, EdgeError> {
    let Some(address) = config.private_proxy else {
        return Ok(None);
    };
    listen_tcp(address)
        .map(Some)
        .map_err(listen_error("the private proxy", address))
}
