//! Rules that change while a connector serves: pushed by the edge on either transport, or replaced by its own side.

use adit_connector::{ConnectorConfig, Protocol, ProtocolChoice, Replaced};
use adit_core::ingress::Ingress;
use adit_model::ConfigVersion;
use adit_rpc::{CallStream, RpcLanes};
use adit_testing::scripted::{EdgeConnection, ScriptedEdge, Transports};
use adit_testing::{origin::Origin, wait_for, within};
use adit_wire::calls::ConfigurationAnswer;
use adit_wire::http2::{UPGRADE_CONFIGURATION, UPGRADE_HEADER};
use bytes::{Bytes, BytesMut};
use http::Request;
use serde_json::{Value, json};

use crate::support::{Running, single};

struct Scene {
    edge: ScriptedEdge,
    at: EdgeConnection,
    connector: Running,
    lanes: RpcLanes,
}

impl Scene {
    async fn start(transport: Transports, service: &str) -> Self {
        let edge = ScriptedEdge::on(transport);
        let protocol = match transport {
            Transports::Http2 => Protocol::Http2,
            Transports::Quic | Transports::Both => Protocol::Quic,
        };
        let connector = Running::start(ConnectorConfig {
            protocol: ProtocolChoice::Only(protocol),
            ..single(&edge, service, 1)
        });
        let at = edge.connected(1).await.remove(0);
        Self {
            edge,
            at,
            connector,
            lanes: RpcLanes::start(1).unwrap(),
        }
    }

    async fn push(&self, version: i32, config: &Value) -> ConfigurationAnswer {
        if self.at.is_quic() {
            let (send, recv) = self.at.quic().open_stream().await.unwrap();
            let call = CallStream::new(&self.lanes, recv, send);
            let json = Bytes::from(config.to_string());
            return call
                .update_configuration(ConfigVersion(version), json)
                .await
                .unwrap();
        }
        let answer = self
            .push_http2(&json!({"version": version, "config": config}).to_string())
            .await;
        ConfigurationAnswer {
            running: ConfigVersion(
                answer.1["lastAppliedVersion"]
                    .as_i64()
                    .unwrap()
                    .try_into()
                    .unwrap(),
            ),
            refusal: answer.1["err"].as_str().map(str::to_owned),
        }
    }

    async fn push_http2(&self, body: &str) -> (u16, Value) {
        let request = Request::put("http://h2.cftunnel.com/").header(UPGRADE_HEADER, UPGRADE_CONFIGURATION);
        let (response, mut sending) = self
            .at
            .http2()
            .open(request.body(()).unwrap(), false)
            .await
            .unwrap();
        // One that is too large is not read to its end.
        drop(sending.write_chunk(Bytes::copy_from_slice(body.as_bytes())).await);
        sending.finish();
        let (head, mut answer) = within("the answer", response).await.unwrap();
        let mut whole = BytesMut::new();
        while let Some(chunk) = within("the answer's body", answer.read_chunk()).await.unwrap() {
            whole.extend_from_slice(&chunk);
        }
        (
            head.status.as_u16(),
            serde_json::from_slice(&whole).unwrap_or_default(),
        )
    }
}

fn status(code: u16) -> Value {
    json!({"ingress": [{"service": format!("http_status:{code}")}]})
}

fn applied(version: i32) -> ConfigurationAnswer {
    ConfigurationAnswer {
        running: ConfigVersion(version),
        refusal: None,
    }
}

async fn pushes(transport: Transports) {
    let scene = Scene::start(transport, "http_status:201").await;
    assert_eq!(scene.at.get("a.example", "/").await.status, 201);

    assert_eq!(scene.push(0, &status(202)).await, applied(0));
    assert_eq!(scene.at.get("a.example", "/").await.status, 202);
    assert_eq!(scene.push(0, &status(203)).await, applied(0), "not newer");
    assert_eq!(scene.at.get("a.example", "/").await.status, 202);

    let wrong = json!({"ingress": [{"hostname": "a.example", "service": "http_status:204"}]});
    let refused = scene.push(3, &wrong).await;
    assert_eq!(refused.running, ConfigVersion(0));
    assert!(
        refused
            .refusal
            .unwrap()
            .starts_with("The last ingress rule must match all URLs")
    );
    let no_file = json!({"ingress": [{"service": "https://a", "originRequest": {"caPool": "/nonexistent"}}]});
    let refused = scene.push(3, &no_file).await;
    assert!(refused.refusal.unwrap().contains("/nonexistent"));
    assert_eq!(
        scene.at.get("a.example", "/").await.status,
        202,
        "the old rules stay"
    );

    assert_eq!(
        scene.push(3, &status(204)).await,
        applied(3),
        "the number of a failure can be used again"
    );
    assert_eq!(scene.at.get("a.example", "/").await.status, 204);
    assert_eq!(
        scene
            .push(4, &json!({"ingress": [], "warp-routing": {"enabled": true}}))
            .await,
        applied(4)
    );
    assert_eq!(scene.at.get("a.example", "/").await.status, 503);
    let local = Ingress::from_json(status(205).to_string().as_bytes()).unwrap();
    let rules = scene.connector.configurations.replace(local).unwrap();
    assert_eq!(
        rules,
        Replaced::EdgeRules(ConfigVersion(4)),
        "the edge's rules stay"
    );
    assert_eq!(scene.at.get("a.example", "/").await.status, 503);
    assert_eq!(scene.edge.live().len(), 1);
}

#[tokio::test]
async fn pushed_rules_are_served_if_newer_and_valid_over_quic() {
    pushes(Transports::Quic).await;
}

#[tokio::test]
async fn pushed_rules_are_served_if_newer_and_valid_over_http2() {
    pushes(Transports::Http2).await;
}

#[tokio::test]
async fn a_push_that_is_none_is_a_502_over_http2() {
    let scene = Scene::start(Transports::Http2, "http_status:201").await;
    for nonsense in ["", "nonsense", "{}", r#"{"version":"1","config":{}}"#] {
        assert_eq!(scene.push_http2(nonsense).await.0, 502, "{nonsense}");
    }
    let large = format!(r#"{{"version":1,"config":{{"x":"{}"}}}}"#, "x".repeat(1 << 20));
    assert_eq!(scene.push_http2(&large).await.0, 502);
    assert_eq!(scene.at.get("a.example", "/").await.status, 201);
}

#[tokio::test]
async fn a_stream_ends_by_the_rules_that_it_began_with() {
    let origin = Origin::start().await;
    let scene = Scene::start(Transports::Quic, &origin.url()).await;
    let at = scene.at.clone();
    let mut held = tokio::task::JoinSet::new();
    held.spawn(async move { at.get("a.example", "/held").await });
    wait_for("the request at the origin", async || origin.live_requests() == 1).await;

    assert_eq!(scene.push(1, &status(404)).await, applied(1));
    assert_eq!(scene.at.get("a.example", "/held").await.status, 404);

    origin.release();
    assert_eq!(
        within("the answer", held.join_next())
            .await
            .unwrap()
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn rules_of_this_side_are_replaced_and_told_to_the_edge() {
    let scene = Scene::start(Transports::Quic, "http_status:201").await;
    let told = |text: &'static str| {
        let at = scene.at.clone();
        async move {
            wait_for("the rules at the edge", async || {
                at.local_configuration()
                    .is_some_and(|json| String::from_utf8(json).unwrap().contains(text))
            })
            .await;
        }
    };
    told("http_status:201").await;
    let rules = Ingress::from_json(status(202).to_string().as_bytes()).unwrap();
    let configurations = &scene.connector.configurations;
    assert_eq!(configurations.replace(rules).unwrap(), Replaced::Served);
    assert_eq!(scene.at.get("a.example", "/").await.status, 202);
    told("http_status:202").await;
    let wrong = json!({"ingress": [{"service": "https://a", "originRequest": {"caPool": "/nonexistent"}}]});
    let wrong = Ingress::from_json(wrong.to_string().as_bytes()).unwrap();
    assert!(configurations.replace(wrong).is_err());
    assert_eq!(scene.at.get("a.example", "/").await.status, 202);
}

#[tokio::test]
async fn garbage_in_a_call_costs_only_its_stream() {
    let scene = Scene::start(Transports::Quic, "http_status:201").await;
    for garbage in [&b""[..], b"\0\0\0\0\xff\xff\xff\xff", &[0xAA; 5000]] {
        let (mut send, mut recv) = scene.at.quic().open_stream().await.unwrap();
        let opening = [b"\x52\xbb\x82\x5c\xdb\x65", garbage].concat();
        send.write_chunk(Bytes::from(opening)).await.unwrap();
        send.finish();
        while let Ok(Some(_)) = within("the end", recv.read_chunk(1000)).await {}
    }
    assert_eq!(scene.push(1, &status(202)).await, applied(1));
    assert_eq!(scene.edge.live().len(), 1);
}
