//! How requests come to a connector, and its answers to clients.

use adit_model::ConnectorId;
use adit_testing::{client, cloudflared::Protocol};
use adit_wire::management_token::ManagementResource;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Empty;

use crate::{
    stage::{MANAGEMENT, MISSING, Stage, assert_question, https, token},
    support::{
        DASHBOARD,
        scripted::{Scene, on_both_transports},
    },
};

on_both_transports!(
    a_connector_is_asked_once_and_gets_the_bare_name_and_the_whole_query,
    a_connector_that_does_not_know_the_name_never_sees_a_token,
    a_connector_id_leads_to_that_connector,
    a_connection_that_breaks_before_its_answer_is_not_the_end,
    without_a_connector_the_answer_is_530,
);

async fn a_connector_is_asked_once_and_gets_the_bare_name_and_the_whole_query(scene: Scene) {
    let connector = scene.connector().await;
    let mut stage = Stage { scene, connector };
    let token = stage.token(ManagementResource::HostDetails);
    let target = format!("/host_details?x=%20a&access_token={token}&y=b");
    for turn in 0..2 {
        let asking = stage.begin(&format!(
            "GET {target} HTTP/1.1\r\nHost: Management.Adit.localhost:8443\r\nOrigin: {DASHBOARD}\r\n\
             Cookie: a=b\r\nAuthorization: Bearer c\r\nReferer: http://x/\r\nUser-Agent: cloudflared/2026.8.2\r\n"
        ));
        if turn == 0 {
            stage.is_recognised().await;
        }
        let asked = stage.connector.next().await;
        assert_eq!(asked.head.host, MANAGEMENT);
        assert!(asked.head.dest.ends_with(&target), "{}", asked.head.dest);
        let headers = &asked.head.headers;
        assert_eq!(headers["user-agent"], "cloudflared/2026.8.2");
        assert_eq!(headers["cf-connecting-ip"], "127.0.0.1");
        for name in ["origin", "cookie", "authorization", "referer"] {
            assert!(!headers.contains_key(name), "{name}");
        }
        let mut answer = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("set-cookie", "a=1; Domain=adit.localhost"),
            ("access-control-allow-origin", "*"),
        ] {
            answer.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let (_, mut body) = asked.answer(200, answer).await;
        body.write(r#"{"connector_id":"x"}"#).await.unwrap();
        body.finish();
        let said = asking.said().await;
        assert!(said.body.contains(r#"{"connector_id":"x"}"#), "{said:?}");
        assert!(said.head.contains("content-type: application/json"), "{said:?}");
        assert!(!said.head.contains("set-cookie"), "{said:?}");
        assert!(
            said.head
                .contains(&format!("access-control-allow-origin: {DASHBOARD}")),
            "{said:?}"
        );
    }
}

async fn a_connector_that_does_not_know_the_name_never_sees_a_token(scene: Scene) {
    let connector = scene.connector().await;
    let mut stage = Stage { scene, connector };
    for (status, text) in [
        (200, "the user's shop"),
        (404, MISSING),
        (400, "bad request"),
        (400, r#"{"errors":[{"code":1000,"message":"other"}]}"#),
    ] {
        let id = stage.next_connector().await;
        let asking = stage.get_of("/logs", ManagementResource::Logs, id);
        let asked = stage.connector.next().await;
        assert_question(&asked);
        // The edge reads no further than it has to.
        let (_, mut body) = asked.answer(status, HeaderMap::new()).await;
        if body.write(text).await.is_ok() {
            body.finish();
        }
        let said = asking.said().await;
        assert_eq!(said.refusal(), (530, Some(1034)), "{status} {text}");
        assert!(said.body.contains("TUNNEL_MANAGEMENT_HOSTNAME"), "{said:?}");
        // It is remembered: nobody answers this time, and nobody is asked.
        let again = stage.get_of("/logs", ManagementResource::Logs, id).said().await;
        assert_eq!(again.refusal(), (530, Some(1034)));
    }
}

async fn a_connector_id_leads_to_that_connector(scene: Scene) {
    let connector = scene.connector().await;
    let mut stage = Stage { scene, connector };
    let id = stage.next_connector().await;
    for turn in 0..3 {
        let asking = stage.get_of("/ping", ManagementResource::Logs, id);
        if turn == 0 {
            stage.is_recognised().await;
        }
        stage.connector.next().await.say(200, "this one").await;
        assert_eq!(asking.said().await.status, 200);
    }
    let nobody = stage.get_of("/ping", ManagementResource::Logs, ConnectorId::random());
    assert_eq!(nobody.said().await.refusal(), (530, Some(1033)));
}

async fn a_connection_that_breaks_before_its_answer_is_not_the_end(scene: Scene) {
    let connector = scene.connector().await;
    let mut stage = Stage { scene, connector };
    let asking = stage.get("/ping", ManagementResource::Logs);
    stage.is_recognised().await;
    let asked = stage.connector.next().await;
    let broken = std::mem::replace(&mut stage.connector, stage.scene.connector().await);
    drop((asked, broken));
    stage.is_recognised().await;
    stage.connector.next().await.say(200, "").await;
    assert_eq!(asking.said().await.status, 200);
}

async fn without_a_connector_the_answer_is_530(scene: Scene) {
    let token = token(&scene.edge.keys, scene.tunnel.key, ManagementResource::Logs);
    let uri = format!("https://{MANAGEMENT}/logs?access_token={token}");
    let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
    let (head, mut body) = client::send_http2(https(&scene.edge), &scene.anchors, request)
        .await
        .unwrap();
    assert_eq!(head.status().as_u16(), 530);
    let body = body.read().await.unwrap();
    assert_eq!(adit_wire::management::refusal_code(&body), Some(1033));
}

#[tokio::test]
async fn only_pages_of_adits_own_may_ask() {
    let stage = Stage::new(Protocol::Quic).await;
    let preflight = |origin: &str| {
        stage.begin(&format!(
            "OPTIONS /host_details HTTP/1.1\r\nHost: {MANAGEMENT}\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: GET\r\n"
        ))
    };
    for origin in [DASHBOARD, "https://api.adit.localhost"] {
        let said = preflight(origin).said().await;
        assert_eq!(said.status, 204);
        for line in [
            format!("access-control-allow-origin: {origin}"),
            "access-control-allow-methods: get, head".to_owned(),
            "vary: origin".to_owned(),
        ] {
            assert!(said.head.contains(&line), "{said:?}");
        }
        assert!(!said.head.contains("credentials"), "{said:?}");
    }
    for origin in [
        "https://evil.example",
        "https://api.adit.localhost.evil.example",
        "http://api.adit.localhost",
        "https://shop.adit.localhost",
        "null",
    ] {
        let said = preflight(origin).said().await;
        assert_eq!(said.refusal(), (403, Some(1010)), "{origin}");
        assert!(!said.head.contains("access-control-"), "{said:?}");
    }
}

#[tokio::test]
async fn requests_only_read() {
    let stage = Stage::new(Protocol::Quic).await;
    let token = stage.token(ManagementResource::Admin);
    for head in [
        "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n",
        "DELETE {target} HTTP/1.1\r\nHost: {host}\r\n",
        "OPTIONS {target} HTTP/1.1\r\nHost: {host}\r\n",
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let target = format!("/ping?access_token={token}");
        let head = head.replace("{target}", &target).replace("{host}", MANAGEMENT);
        assert_eq!(
            stage.begin(&head).said().await.refusal(),
            (405, Some(1008)),
            "{head}"
        );
    }
}
