//! TLS configurations of both sides, with one explicit crypto provider and never the process default.
//!
//! Key exchange: X25519MLKEM768, then P-256 (a stock connector offers these two and no X25519), then X25519.

mod identity;
mod listener;
mod trust;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::server::ResolvesServerCert;
use rustls::{ClientConfig, ServerConfig};

pub use identity::{CertificateSlot, Identity};
pub use listener::{TlsAcceptError, TlsIncoming, TlsLimits, TlsListener, TlsStream};
pub use trust::TrustAnchors;

/// The ALPN of QUIC between connector and edge. Over TCP a stock connector offers no ALPN at all.
pub const TUNNEL_ALPN: &[u8] = b"argotunnel";
/// The name a connector asks for and verifies on QUIC.
pub const QUIC_SERVER_NAME: &str = "quic.cftunnel.com";
/// The name a connector asks for and verifies on TCP.
pub const H2_SERVER_NAME: &str = "h2.cftunnel.com";
/// The name that a connector's connectivity prechecks ask for, on both transports.
pub const PROBE_SERVER_NAME: &str = "probe.cftunnel.com";

/// Why a TLS configuration could not be made. No variant quotes key material.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The PEM text holds no certificate.
    #[error("the PEM text holds no certificate")]
    NoCertificate,
    /// The PEM text is malformed.
    #[error("the PEM text cannot be read")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// rustls refused the material.
    #[error("the TLS material is not usable")]
    Rustls(#[source] rustls::Error),
}

/// The crypto that every configuration of this crate uses.
#[must_use]
pub fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::SECP256R1, kx_group::X25519],
        ..aws_lc_rs::default_provider()
    })
}

/// The edge's TLS for connectors that dial over TCP: TLS 1.2 and 1.3, any client ALPN or none.
///
/// # Errors
/// Only if the crypto provider cannot serve these versions.
pub fn edge_tcp_config(
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let config = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsConfigError::Rustls)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    Ok(Arc::new(config))
}

/// The edge's TLS for public clients: TLS 1.2 and 1.3, HTTP/2 or HTTP/1.1, sessions resumed by tickets that only this
/// process can read.
///
/// # Errors
/// If the crypto provider cannot serve these versions or has no randomness.
pub fn public_config(certificates: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let mut config = ServerConfig::clone(edge_tcp_config(certificates)?.as_ref());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsConfigError::Rustls)?;
    Ok(Arc::new(config))
}

/// The edge's TLS for connectors that dial over QUIC: TLS 1.3, ALPN [`TUNNEL_ALPN`], no 0-RTT.
///
/// # Errors
/// Only if the crypto provider cannot serve TLS 1.3.
pub fn edge_quic_config(
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let mut config = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsConfigError::Rustls)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![TUNNEL_ALPN.to_vec()];
    // Stock connectors use no tickets; a fresh handshake costs about a millisecond.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The edge's TLS for nodes of the mesh that dial over TCP: TLS 1.3, ALPN [`adit_wire::mesh::ALPN`].
///
/// # Errors
/// Only if the crypto provider cannot serve TLS 1.3.
pub fn edge_mesh_config(
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let mut config = ServerConfig::clone(edge_quic_config(certificates)?.as_ref());
    config.alpn_protocols = vec![adit_wire::mesh::ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// The edge's TLS for [`crate::mesh::Carrier`]s, over TCP and in QUIC alike: TLS 1.3, ALPN
/// [`adit_wire::mesh::CARRIER_ALPN`].
///
/// # Errors
/// Only if the crypto provider cannot serve TLS 1.3.
pub fn edge_carrier_config(
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, TlsConfigError> {
    let mut config = ServerConfig::clone(edge_quic_config(certificates)?.as_ref());
    config.alpn_protocols = vec![adit_wire::mesh::CARRIER_ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// A mesh node's TLS for its [`crate::mesh::Carrier`]s: as [`mesh_node_config`] but for the ALPN.
///
/// # Errors
/// As [`connector_config`].
pub(crate) fn carrier_config(anchors: &TrustAnchors) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let mut config = ClientConfig::clone(connector_config(anchors)?.as_ref());
    config.alpn_protocols = vec![adit_wire::mesh::CARRIER_ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// A mesh node's TLS towards the edge: TLS 1.3, ALPN [`adit_wire::mesh::ALPN`], no client certificate, no tickets.
///
/// # Errors
/// As [`connector_config`].
pub fn mesh_node_config(anchors: &TrustAnchors) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let mut config = ClientConfig::clone(connector_config(anchors)?.as_ref());
    config.alpn_protocols = vec![adit_wire::mesh::ALPN.to_vec()];
    Ok(Arc::new(config))
}

/// The connector's TLS towards the edge over QUIC: TLS 1.3, ALPN [`TUNNEL_ALPN`], no client certificate, no tickets.
///
/// # Errors
/// If the system's trust store cannot be read or an anchor is malformed.
pub fn connector_config(anchors: &TrustAnchors) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let mut config = client_config(anchors, &[&rustls::version::TLS13])?;
    config.alpn_protocols = vec![TUNNEL_ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Which key exchanges a connector offers to its edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyExchange {
    /// X25519MLKEM768 first, then the classic ones.
    #[default]
    PostQuantumPreferred,
    /// X25519MLKEM768 and nothing else, as `--post-quantum` wants it.
    PostQuantumOnly,
}

/// A connector's TLS towards the edge, for each transport.
#[derive(Clone, Debug)]
pub struct ConnectorTls {
    /// As [`connector_config`].
    pub quic: Arc<ClientConfig>,
    /// TLS 1.2 (not with [`KeyExchange::PostQuantumOnly`]) and 1.3, no ALPN: a stock connector offers none, either.
    pub tcp: Arc<ClientConfig>,
}

impl ConnectorTls {
    /// Makes both.
    ///
    /// # Errors
    /// As [`connector_config`].
    pub fn new(anchors: &TrustAnchors, exchange: KeyExchange) -> Result<Self, TlsConfigError> {
        let mut provider = CryptoProvider::clone(&crypto_provider());
        let (tls13, both) = (
            &[&rustls::version::TLS13],
            &[&rustls::version::TLS13, &rustls::version::TLS12],
        );
        let tcp_versions: &[_] = match exchange {
            KeyExchange::PostQuantumPreferred => both,
            KeyExchange::PostQuantumOnly => {
                provider.kx_groups = vec![kx_group::X25519MLKEM768];
                tls13
            }
        };
        let provider = Arc::new(provider);
        let mut quic = client_config_with(anchors, tls13, Arc::clone(&provider))?;
        quic.alpn_protocols = vec![TUNNEL_ALPN.to_vec()];
        quic.resumption = rustls::client::Resumption::disabled();
        let mut tcp = client_config_with(anchors, tcp_versions, provider)?;
        tcp.resumption = rustls::client::Resumption::disabled();
        Ok(Self {
            quic: Arc::new(quic),
            tcp: Arc::new(tcp),
        })
    }
}

/// A TLS client for any other peer (origins, the API): TLS 1.2 and 1.3, ALPN left to the caller.
///
/// # Errors
/// As [`connector_config`].
pub fn outgoing_config(anchors: &TrustAnchors) -> Result<ClientConfig, TlsConfigError> {
    client_config(anchors, &[&rustls::version::TLS13, &rustls::version::TLS12])
}

fn client_config(
    anchors: &TrustAnchors,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<ClientConfig, TlsConfigError> {
    client_config_with(anchors, versions, crypto_provider())
}

fn client_config_with(
    anchors: &TrustAnchors,
    versions: &[&'static rustls::SupportedProtocolVersion],
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, TlsConfigError> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(TlsConfigError::Rustls)?;
    Ok(anchors.verifier(provider)?.apply(builder))
}
