//! Nodes of the mesh on the connectors' port.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;

use adit_net::{
    mesh::{ControlStream, ControlStreams, MeshDialError, MeshDialer},
    tls::TrustAnchors,
};
use adit_testing::{cloudflared::Protocol, within};
use support::{TestEdge, scripted::Scene};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};

/// Passes on what it is handed.
struct Desk(mpsc::UnboundedSender<ControlStream>);

impl ControlStreams for Desk {
    fn accept(&self, stream: ControlStream) {
        self.0.send(stream).unwrap();
    }
}

fn dialer(edge: &TestEdge) -> MeshDialer {
    let pem = std::fs::read(&edge.ca).unwrap();
    MeshDialer::new(&TrustAnchors::from_pem(&pem).unwrap(), None).unwrap()
}

#[tokio::test]
async fn a_node_is_handed_over_beside_connectors_that_register_as_ever() {
    let (handed, mut taken) = mpsc::unbounded_channel();
    let edge = TestEdge::start_as(|config| config.mesh = Some(Arc::new(Desk(handed)))).await;
    let address = edge.edge.addresses().connectors.to_string();
    let mut near = within("the edge", dialer(&edge).dial(&address)).await.unwrap();
    let mut far = within("the connection", taken.recv()).await.unwrap();
    assert_eq!(far.remote_address().ip(), edge.edge.addresses().connectors.ip());
    far.write_all(b"hello").await.unwrap();
    let mut read = [0; 5];
    within("its bytes", near.read_exact(&mut read)).await.unwrap();
    assert_eq!(&read, b"hello");

    let scene = Scene::over(edge, Protocol::Http2).await;
    let _connector = scene.connector().await;
    assert!(taken.try_recv().is_err(), "a connector is no node");
}

#[tokio::test]
async fn an_edge_without_a_mesh_tells_nodes_so() {
    let edge = TestEdge::start().await;
    let address = edge.edge.addresses().connectors.to_string();
    let dialled = within("the edge", dialer(&edge).dial(&address)).await;
    assert!(matches!(dialled, Err(MeshDialError::NotMesh(_))));
}
