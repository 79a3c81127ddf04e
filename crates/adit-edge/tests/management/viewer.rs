//! A stock connector that knows the management host, and viewers of its log lines.

use adit_testing::{client, cloudflared::Protocol, origin::Origin, within};
use adit_wire::management_token::{ManagementActor, ManagementClaims, ManagementResource};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::CloseFrame},
};

use crate::{
    stage::{MANAGEMENT, dial, https, token},
    support::{HOST, stock::StockScene},
};

/// A stock connector that was told the management host; `None` without the binary.
pub(crate) async fn scene(test: &str, protocol: Protocol) -> Option<StockScene> {
    let origin = Origin::start().await;
    let url = origin.url();
    StockScene::with(test, protocol, origin, |options| {
        options.serving(&url).with(&["--management-hostname", MANAGEMENT])
    })
    .await
}

pub(crate) async fn get(scene: &StockScene, path: &str, resource: ManagementResource) -> (u16, String) {
    let token = token(&scene.edge.keys, scene.tunnel.key, resource);
    let request = http::Request::get(format!("https://{MANAGEMENT}{path}?access_token={token}"));
    let request = request
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .unwrap();
    let (head, mut body) = client::send_http2(https(&scene.edge), &scene.anchors, request)
        .await
        .unwrap();
    let body = within("the body", body.read()).await.unwrap();
    (
        head.status().as_u16(),
        String::from_utf8_lossy(&body).into_owned(),
    )
}

/// A viewer of a connector's log lines.
pub(crate) struct Viewer(pub(crate) WebSocketStream<TlsStream<TcpStream>>);

impl Viewer {
    pub(crate) async fn open(scene: &StockScene, actor: &str) -> Self {
        let actor = ManagementActor {
            id: actor.to_owned(),
            support: false,
        };
        let now = std::time::SystemTime::now().into();
        let claims = ManagementClaims::new(scene.tunnel.key, actor, vec![ManagementResource::Logs], now);
        let token = scene.edge.keys.sign(&claims).unwrap();
        let stream = dial(https(&scene.edge), &scene.anchors, Some(MANAGEMENT)).await;
        let url = format!("wss://{MANAGEMENT}/logs?access_token={token}");
        let (socket, _) = within("the stream", Box::pin(client_async(url, stream)))
            .await
            .unwrap();
        Self(socket)
    }

    /// Asks for log lines; they flow when the connector has logged that it streams.
    pub(crate) async fn start(&mut self, filters: Value) {
        let start = json!({"type": "start_streaming", "filters": filters});
        self.0.send(Message::text(start.to_string())).await.unwrap();
    }

    /// The next message; or else how it was closed.
    pub(crate) async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            match within("a message", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The next log line, once requests go through the tunnel that make it write some.
    pub(crate) async fn line(&mut self, scene: &StockScene) -> Value {
        let listener = scene.edge.http();
        let asking = async {
            loop {
                client::get(listener, HOST, "/").await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = asking => unreachable!("it goes on"),
            message = self.next() => {
                let message = message.unwrap();
                assert_eq!(message["type"], "logs");
                message["logs"][0].clone()
            }
        }
    }
}
