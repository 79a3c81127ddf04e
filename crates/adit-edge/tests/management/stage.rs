//! An edge, a tunnel, and clients of the management host that write what the test says.

use std::{sync::Arc, time::SystemTime};

use adit_model::{ConnectorId, Timestamp, TunnelKey};
use adit_net::tls::{TrustAnchors, outgoing_config};
use adit_testing::{
    cloudflared::Protocol,
    scripted::{Asked, ScriptedConnector, registration},
    within,
};
use adit_wire::management_token::{ManagementActor, ManagementClaims, ManagementKeys, ManagementResource};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{DOMAIN, TestEdge, scripted::Scene};

pub(crate) const MANAGEMENT: &str = "management.adit.localhost";

/// What a connector says of a request without a token.
pub(crate) const MISSING: &str =
    r#"{"errors":[{"code":1001,"message":"missing access_token query parameter"}]}"#;

/// A token for a tunnel.
pub(crate) fn token(keys: &ManagementKeys, tunnel: TunnelKey, resource: ManagementResource) -> String {
    let actor = ManagementActor {
        id: "ada".to_owned(),
        support: false,
    };
    let now = Timestamp::from(SystemTime::now());
    let claims = ManagementClaims::new(tunnel, actor, vec![resource], now);
    keys.sign(&claims).unwrap()
}

/// A scene with a connector that takes the management host for its own as soon as it is asked.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    pub(crate) connector: ScriptedConnector,
}

impl Stage {
    pub(crate) async fn new(protocol: Protocol) -> Self {
        let scene = Scene::new(protocol).await;
        let connector = scene.connector().await;
        Self { scene, connector }
    }

    pub(crate) fn token(&self, resource: ManagementResource) -> String {
        token(&self.scene.edge.keys, self.scene.tunnel.key, resource)
    }

    /// Begins a request over HTTP/1.1.
    pub(crate) fn get(&self, path: &str, resource: ManagementResource) -> Asking {
        let target = format!("{path}?access_token={}", self.token(resource));
        self.begin(&format!("GET {target} HTTP/1.1\r\nHost: {MANAGEMENT}\r\n"))
    }

    /// As [`Stage::get`], of one connector.
    pub(crate) fn get_of(&self, path: &str, resource: ManagementResource, id: ConnectorId) -> Asking {
        let token = self.token(resource);
        self.begin(&format!(
            "GET {path}?access_token={token}&connector_id={id} HTTP/1.1\r\nHost: {MANAGEMENT}\r\n"
        ))
    }

    /// One more connector of the tunnel, which is the scripted one from now on. The one before it leaves.
    pub(crate) async fn next_connector(&mut self) -> ConnectorId {
        let scene = &self.scene;
        let request = registration(&scene.tunnel.key, &scene.tunnel.secret);
        let id = request.client.id;
        let connector = scene.dial().await;
        connector.register(request).await.unwrap().unwrap();
        self.connector = connector;
        id
    }

    /// Begins a request whose head, without its last line, is given.
    pub(crate) fn begin(&self, head: &str) -> Asking {
        let (https, anchors) = (https(&self.scene.edge), self.scene.anchors.clone());
        let request = format!("{head}Connection: close\r\n\r\n");
        let mut asking = JoinSet::new();
        asking.spawn(async move {
            let mut client = dial(https, &anchors, Some(MANAGEMENT)).await;
            client.write_all(request.as_bytes()).await.unwrap();
            rest(&mut client).await
        });
        Asking(asking)
    }

    /// Plays the management service that is asked whether it is one.
    pub(crate) async fn is_recognised(&mut self) {
        let asked = within("the edge's question", self.connector.next()).await;
        assert_question(&asked);
        asked.say(400, MISSING).await;
    }
}

/// That it holds nothing that anybody could use.
pub(crate) fn assert_question(asked: &Asked) {
    let head = &asked.head;
    assert_eq!(head.host, MANAGEMENT);
    assert!(head.dest.ends_with("/ping"), "{}", head.dest);
    assert!(!format!("{head:?}").contains("access_token"), "{head:?}");
}

pub(crate) fn https(edge: &TestEdge) -> std::net::SocketAddr {
    edge.edge.addresses().https.unwrap()
}

/// Shakes hands over HTTP/1.1 for that name, or for none: then the certificate is that of the domain.
pub(crate) async fn dial(
    listener: std::net::SocketAddr,
    anchors: &TrustAnchors,
    server_name: Option<&str>,
) -> TlsStream<TcpStream> {
    let mut config = outgoing_config(anchors).unwrap();
    config.enable_sni = server_name.is_some();
    let name = ServerName::try_from(server_name.unwrap_or(DOMAIN).to_owned()).unwrap();
    let stream = TcpStream::connect(listener).await.unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

pub(crate) async fn rest(client: &mut TlsStream<TcpStream>) -> Said {
    let mut said = Vec::new();
    // Some end without a goodbye of TLS.
    let _ = within("the answer", client.read_to_end(&mut said)).await;
    Said::of(&said)
}

/// An answer as text.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Said {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    /// Its status and the number of its refusal.
    pub(crate) fn refusal(&self) -> (u16, Option<u32>) {
        (
            self.status,
            adit_wire::management::refusal_code(self.body.as_bytes()),
        )
    }
}

/// A request whose answer has not come.
pub(crate) struct Asking(JoinSet<Said>);

impl Asking {
    pub(crate) async fn said(mut self) -> Said {
        within("the answer", self.0.join_next()).await.unwrap().unwrap()
    }
}
