//! A certificate that connectors accept as an edge's.

use adit_net::tls::{self, Identity, TrustAnchors};

/// A self-signed certificate with its key, and how to trust it.
#[derive(Clone, Debug)]
pub struct TestIdentity {
    /// For the server.
    pub identity: Identity,
    /// For the client.
    pub anchors: TrustAnchors,
    /// The certificate as PEM, for programs that read files.
    pub ca_pem: String,
}

impl TestIdentity {
    /// One for the three names of an edge.
    #[must_use]
    pub fn edge() -> Self {
        Self::named(&[tls::QUIC_SERVER_NAME, tls::H2_SERVER_NAME, tls::PROBE_SERVER_NAME])
    }

    /// One for these names.
    #[must_use]
    pub fn named(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let issued = rcgen::generate_simple_self_signed(names).unwrap();
        let (ca_pem, key) = (issued.cert.pem(), issued.signing_key.serialize_pem());
        Self {
            identity: Identity::from_pem(ca_pem.as_bytes(), key.as_bytes()).unwrap(),
            anchors: TrustAnchors::from_pem(ca_pem.as_bytes()).unwrap(),
            ca_pem,
        }
    }
}
