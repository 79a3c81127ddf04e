//! Control connections of the mesh beside connectors, on one listener.

use std::sync::Arc;

use adit_model::SecretDigest;
use adit_net::mesh::{ControlStream, MeshDialError, MeshDialer};
use adit_net::tls::{self, CertificateSlot, Identity, TlsLimits, TlsListener, TlsStream, TrustAnchors};
use adit_wire::mesh::{ALPN, Challenge, EnrolProof};
use rustls::ProtocolVersion;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{LOOPBACK, identity, within};

async fn listener(identity: &Identity, with_mesh: bool) -> TlsListener {
    let slot = CertificateSlot::new(identity);
    let usual = tls::edge_tcp_config(Arc::clone(&slot) as _).unwrap();
    let listener = TlsListener::bind(LOOPBACK, usual, TlsLimits::default()).unwrap();
    if with_mesh {
        listener.with_mesh(tls::edge_mesh_config(slot).unwrap())
    } else {
        listener
    }
}

async fn accepted(listener: &TlsListener) -> Result<TlsStream, tls::TlsAcceptError> {
    within("a client", listener.accept())
        .await
        .unwrap()
        .finish()
        .await
}

/// Dials as a connector does, offering these protocols; which version and protocol were agreed on.
async fn dial(
    listener: &TlsListener,
    anchors: &TrustAnchors,
    offered: &[&[u8]],
) -> std::io::Result<(Option<ProtocolVersion>, Option<Vec<u8>>)> {
    let mut config = tls::outgoing_config(anchors).unwrap();
    config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).await?;
    let name = ServerName::try_from(tls::H2_SERVER_NAME).unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    let session = stream.get_ref().1;
    Ok((
        session.protocol_version(),
        session.alpn_protocol().map(<[u8]>::to_vec),
    ))
}

#[tokio::test]
async fn both_ends_of_a_control_connection_export_the_same_and_no_two_connections_do() {
    let (identity, anchors) = identity();
    let listener = listener(&identity, true).await;
    let edge = listener.local_addr().unwrap().to_string();
    let dialer = MeshDialer::new(&anchors, None).unwrap();
    let challenge = Challenge::random().unwrap();
    let secret = SecretDigest::of(b"secret");
    let mut proofs = Vec::new();
    for _ in 0..2 {
        let (far, near) = tokio::join!(accepted(&listener), within("the edge", dialer.dial(&edge)));
        let (far, mut near) = (far.unwrap(), near.unwrap());
        assert_eq!(far.alpn(), Some(ALPN));
        let mut far = ControlStream::accepted(far).unwrap();
        near.write_all(b"ping").await.unwrap();
        let mut read = [0; 4];
        within("the bytes", far.read_exact(&mut read)).await.unwrap();
        assert_eq!(&read, b"ping");
        let proof = EnrolProof::new(&secret, &challenge, &near.exporter());
        assert!(proof.proves(&secret, &challenge, &far.exporter()));
        proofs.push(proof);
    }
    assert_ne!(proofs[0], proofs[1]);
}

#[tokio::test]
async fn whoever_offers_no_mesh_is_served_as_if_there_were_none() {
    let (identity, anchors) = identity();
    for with_mesh in [true, false] {
        let listener = listener(&identity, with_mesh).await;
        for offered in [&[][..], &[&b"h2"[..]], &[&b"argotunnel"[..], b"adit-mesh/2"]] {
            let (far, near) = tokio::join!(accepted(&listener), dial(&listener, &anchors, offered));
            let far = far.unwrap();
            assert_eq!((far.alpn(), near.unwrap().1), (None, None), "{with_mesh}");
            assert_eq!(far.server_name(), Some(tls::H2_SERVER_NAME));
        }
    }
}

#[tokio::test]
async fn the_mesh_is_chosen_wherever_it_stands_among_what_is_offered() {
    let (identity, anchors) = identity();
    let listener = listener(&identity, true).await;
    let offered: &[&[u8]] = &[b"h2", ALPN];
    let (far, near) = tokio::join!(accepted(&listener), dial(&listener, &anchors, offered));
    assert_eq!(far.unwrap().alpn(), Some(ALPN));
    let chosen = (Some(ProtocolVersion::TLSv1_3), Some(ALPN.to_vec()));
    assert_eq!(near.unwrap(), chosen);
}

#[tokio::test]
async fn an_edge_without_a_mesh_is_recognised() {
    let (identity, anchors) = identity();
    let listener = listener(&identity, false).await;
    let edge = listener.local_addr().unwrap().to_string();
    let dialer = MeshDialer::new(&anchors, None).unwrap();
    let (_, near) = tokio::join!(accepted(&listener), within("the edge", dialer.dial(&edge)));
    assert!(matches!(near, Err(MeshDialError::NotMesh(_))));
    drop(listener);
    let gone = within("the edge", dialer.dial(&edge)).await;
    assert!(matches!(gone, Err(MeshDialError::Connect(..))));
}
