//! Certificates from files, as clients see them.

use std::{path::Path, sync::Arc};

use adit_net::tls::{TrustAnchors, outgoing_config};
use adit_testing::wait_for;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::TestEdge;

/// Writes a certificate as `certbot` does; its text.
fn write(dir: &Path, name: &str) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let live = dir.join(name);
    std::fs::create_dir_all(&live).unwrap();
    std::fs::write(live.join("privkey.pem"), key.serialize_pem()).unwrap();
    std::fs::write(live.join("fullchain.pem"), &certificate).unwrap();
    certificate
}

/// Whether a client that trusts `roots` alone gets through to `name`.
async fn trusted(edge: &TestEdge, roots: &str, name: &str) -> bool {
    let anchors = TrustAnchors::from_pem(roots.as_bytes()).unwrap();
    let connector = TlsConnector::from(Arc::new(outgoing_config(&anchors).unwrap()));
    let address = edge.edge.addresses().https.unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    connector.connect(name, stream).await.is_ok()
}

#[tokio::test]
async fn a_name_gets_its_certificate_from_the_folder_and_others_one_of_adits_ca() {
    let dir = TempDir::new().unwrap();
    let first = write(dir.path(), "shop.example");
    let folder = dir.path().to_owned();
    let edge = TestEdge::start_as(|config| config.certificates = Some(folder)).await;
    let own = std::fs::read_to_string(&edge.ca).unwrap();
    assert!(trusted(&edge, &first, "shop.example").await);
    assert!(!trusted(&edge, &own, "shop.example").await);
    assert!(trusted(&edge, &own, "other.adit.localhost").await);

    let renewed = write(dir.path(), "shop.example");
    wait_for("the renewed certificate", async || {
        trusted(&edge, &renewed, "shop.example").await
    })
    .await;
    assert!(!trusted(&edge, &first, "shop.example").await);
}
