//! Carriers of the mesh's packets beside public clients, over TLS and QUIC.

use std::sync::Arc;

use adit_net::mesh::{Carrier, CarrierDialer, MeshDialError};
use adit_net::quic::{HandshakeLimits, QuicKeys, QuicListener};
use adit_net::tls::{self, CertificateSlot, TlsLimits, TlsListener};
use adit_wire::mesh::{CARRIER_ALPN, IdentityPair};

use crate::support::{LIMIT, LOOPBACK, identity, within};

#[tokio::test]
async fn both_ends_of_a_carrier_export_the_same_on_either_transport() {
    let (identity, anchors) = identity();
    let slot = CertificateSlot::new(&identity);
    let special = tls::edge_carrier_config(Arc::clone(&slot) as _).unwrap();
    let public = tls::public_config(slot).unwrap();
    let tcp = TlsListener::bind(LOOPBACK, public, TlsLimits::default())
        .unwrap()
        .with_carriers(Arc::clone(&special));
    let keys = QuicKeys::generate().unwrap();
    let udp = QuicListener::bind(LOOPBACK, special, &keys, HandshakeLimits::default()).unwrap();
    let dialer = CarrierDialer::new(&anchors, None).unwrap();

    let accepted = async { tcp.accept().await.unwrap().finish().await.unwrap() };
    let (far, near) = tokio::join!(
        accepted,
        within("the edge", dialer.tls(tcp.local_addr().unwrap()))
    );
    assert_eq!(far.alpn(), Some(CARRIER_ALPN));
    same_secret(&Carrier::accepted(far).unwrap(), &near.unwrap());

    let accepted = async { udp.accept().await.unwrap().finish().await.unwrap() };
    let (far, near) = tokio::join!(accepted, dialer.quic(udp.local_addr().unwrap(), LIMIT));
    same_secret(&Carrier::Quic(far), &near.unwrap());
}

fn same_secret(far: &Carrier, near: &Carrier) {
    let node = IdentityPair::generate().unwrap();
    let signature = node.sign(&near.exporter().unwrap());
    assert!(signature.proves(&node.public(), &far.exporter().unwrap()));
}

#[tokio::test]
async fn an_edge_that_takes_no_carriers_is_recognised() {
    let (identity, anchors) = identity();
    let public = tls::public_config(CertificateSlot::new(&identity)).unwrap();
    let listener = TlsListener::bind(LOOPBACK, public, TlsLimits::default()).unwrap();
    let dialer = CarrierDialer::new(&anchors, None).unwrap();
    let accepted = async { listener.accept().await.unwrap().finish().await };
    let (far, near) = tokio::join!(accepted, dialer.tls(listener.local_addr().unwrap()));
    assert!(far.is_err());
    assert!(matches!(near, Err(MeshDialError::Handshake(..))));
}
