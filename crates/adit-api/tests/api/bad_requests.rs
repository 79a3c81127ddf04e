//! Whatever is wrong with a request, the answer is the envelope.

use std::{convert::Infallible, sync::Arc, time::Duration};

use adit_api::Limits;
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request};
use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{ACCOUNT, Api, Fault, NOBODY, TOKEN, request, tunnels};

#[tokio::test]
async fn every_bad_request_is_answered_with_the_envelope() {
    let api = Api::new().await;
    let client = api.limited(Limits {
        body_bytes: 1000,
        ..Limits::default()
    });
    let post = |body: &str| request(Method::POST, &tunnels("")).body(Body::from(body.to_owned()));
    let get = |path: &str| request(Method::GET, path).body(Body::empty());
    let at = |uri: &str| {
        Request::get(uri)
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Body::empty())
    };
    let long = |bytes: usize| "x".repeat(bytes);
    let cases = [
        ("broken JSON", post("{\"name\":"), (400, 6007)),
        ("JSON with a tail", post(r#"{"name": "a"} {}"#), (400, 6007)),
        ("no JSON", post("name=blog"), (400, 6007)),
        (
            "not UTF-8",
            request(Method::POST, &tunnels("")).body(Body::from(&b"{\"name\":\"\xff\"}"[..])),
            (400, 6007),
        ),
        (
            "deep JSON",
            post(&format!("{{\"x\":{}", "[".repeat(500))),
            (400, 6007),
        ),
        ("an array", post("[\"blog\"]"), (400, 1001)),
        ("null", post("null"), (400, 1001)),
        ("no body where a name is needed", post(""), (400, 1001)),
        ("a wrong type", post(r#"{"name": 5}"#), (400, 1001)),
        ("no name", post(r#"{"config_src": "local"}"#), (400, 1001)),
        ("an empty name", post(r#"{"name": " "}"#), (400, 1001)),
        (
            "a long name",
            post(&json!({"name": long(256)}).to_string()),
            (400, 1001),
        ),
        (
            "a name with a control character",
            post(r#"{"name": "a\u0000b"}"#),
            (400, 1001),
        ),
        (
            "an unknown word",
            post(r#"{"name": "a", "config_src": "remote"}"#),
            (400, 1001),
        ),
        (
            "a secret that is no base64",
            post(r#"{"name": "a", "tunnel_secret": "*"}"#),
            (400, 1001),
        ),
        (
            "a short secret",
            post(r#"{"name": "a", "tunnel_secret": "AAAA"}"#),
            (400, 1001),
        ),
        ("a large body", post(&long(1001)), (413, 1413)),
        ("a huge body", post(&long(20_000)), (413, 1413)),
        ("a bad query", get(&tunnels("?is_deleted=maybe")), (400, 1001)),
        ("a bad page", get(&tunnels("?page=0")), (400, 1001)),
        ("a bad page size", get(&tunnels("?per_page=1001")), (400, 1001)),
        ("a bad time", get(&tunnels("?existed_at=now")), (400, 1001)),
        ("a bad id in the query", get(&tunnels("?uuid=1")), (400, 1001)),
        (
            "a bad word in the query",
            get(&tunnels("?status=odd")),
            (400, 1001),
        ),
        (
            "a query that is not UTF-8",
            get(&tunnels("?name=%ff%fe")),
            (400, 1001),
        ),
        (
            "a malformed account",
            get("/accounts/mine/cfd_tunnel"),
            (404, 7003),
        ),
        ("a malformed tunnel", get(&tunnels("/blog")), (404, 7003)),
        (
            "a tunnel without hyphens",
            get(&tunnels("/f70ff985a4ef4643bbbc4a0ed4fc8415")),
            (404, 7003),
        ),
        (
            "a malformed connector",
            get(&tunnels(&format!("/{NOBODY}/connectors/1"))),
            (404, 7003),
        ),
        ("a malformed zone", get("/zones/example.com"), (404, 7003)),
        (
            "a malformed record",
            get(&api.zone("/dns_records/1")),
            (404, 7003),
        ),
        ("a path that is not UTF-8", get(&tunnels("/%ff")), (404, 7003)),
        ("a broken escape in the path", get(&tunnels("/%zz")), (404, 7003)),
        ("an unknown path", get("/organizations"), (404, 7003)),
        ("a path with a slash too many", get(&tunnels("/")), (404, 7003)),
        ("the base", at("/client/v4"), (404, 7003)),
        ("another base", at("/"), (404, 7003)),
        ("a dotted path", at("/client/v4/../v4/zones"), (404, 7003)),
        (
            "the absolute form",
            at("http://example.com/client/v4/nothing"),
            (404, 7003),
        ),
        (
            "a long path",
            get(&tunnels(&format!("?name={}", long(16 << 10)))),
            (414, 1414),
        ),
        (
            "large headers",
            request(Method::GET, "/zones")
                .header("x-large", long(32 << 10))
                .body(Body::empty()),
            (431, 1431),
        ),
        (
            "a wrong method",
            request(Method::PUT, &tunnels("")).body(Body::empty()),
            (405, 10001),
        ),
        (
            "OPTIONS",
            request(Method::OPTIONS, "/zones").body(Body::empty()),
            (405, 10001),
        ),
        (
            "TRACE",
            request(Method::TRACE, &api.zone("")).body(Body::empty()),
            (405, 10001),
        ),
        (
            "an invented method",
            request(Method::from_bytes(b"BREW").unwrap(), "/zones").body(Body::empty()),
            (405, 10001),
        ),
    ];
    for (what, request, expected) in cases {
        let answer = client.send(request.unwrap()).await;
        assert_eq!(answer.failure(), expected, "{what}");
        assert!(answer.headers.contains_key("x-request-id"), "{what}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let api = Api::new().await;
    let wrong_type = api.post(&tunnels(""), json!({"name": ["a"]})).await;
    assert_json_snapshot!("bad_type", wrong_type.whole());
    let broken = api
        .send(request(Method::POST, &tunnels("")).body(Body::from("{")).unwrap())
        .await;
    assert_json_snapshot!("bad_json", broken.whole());
    assert_json_snapshot!("bad_parameter", api.get(&tunnels("?page=zero")).await.whole());
    assert_json_snapshot!("bad_id", api.get(&tunnels("/blog")).await.whole());
    assert_json_snapshot!("bad_path", api.get("/nothing").await.whole());
    assert_json_snapshot!("bad_method", api.patch(&tunnels(""), json!({})).await.whole());
}

#[tokio::test]
async fn a_credential_comes_before_everything_else() {
    let api = Api::new().await;
    for path in ["/client/v4/accounts/mine/cfd_tunnel", "/client/v4/zones?page=0"] {
        let answer = api.send(Request::post(path).body(Body::from("{")).unwrap()).await;
        assert!(matches!(answer.failure(), (400, 9106) | (405, 10001)), "{path}");
    }
}

#[tokio::test]
async fn an_id_may_come_in_capitals_or_encoded() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    for path in [
        format!(
            "/accounts/{}/cfd_tunnel/{}",
            ACCOUNT.to_uppercase(),
            id.to_uppercase()
        ),
        tunnels(&format!("/{}", id.replace('-', "%2D"))),
        tunnels(&format!("/{}", id.replace('-', "%252D"))),
    ] {
        assert_eq!(api.get(&path).await.result()["id"], *id, "{path}");
    }
}

#[tokio::test]
async fn a_body_is_json_whatever_its_type_says() {
    let api = Api::new().await;
    let odd = request(Method::POST, &tunnels(""))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(r#"{"name": "blog"}"#));
    api.send(odd.unwrap()).await.result();
}

#[tokio::test]
async fn a_head_is_answered_like_a_get_without_its_body() {
    let api = Api::new().await;
    let head = |path: String| request(Method::HEAD, &path).body(Body::empty()).unwrap();
    let answer = api.send(head(api.zone(""))).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body),
        (200, &serde_json::Value::Null)
    );
    assert_eq!(
        api.send(head(format!("/zones/{ACCOUNT}"))).await.status.as_u16(),
        404
    );
}

#[tokio::test]
async fn our_own_failures_are_answered_without_their_cause() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let connections = tunnels(&format!("/{id}/connections"));
    let hasty = api.limited(Limits {
        request_time: Duration::from_millis(20),
        ..Limits::default()
    });
    api.edges.fail(Fault::Hang);
    assert_json_snapshot!("fault_timeout", hasty.delete(&connections).await.whole());
    api.edges.fail(Fault::Panic);
    assert_json_snapshot!("fault_panic", api.delete(&connections).await.whole());
    *api.edges.fault.lock() = None;
    api.delete(&connections).await.result();

    // The store closes when the request has been let in and only its body is missing.
    let store = Arc::clone(&api.store);
    let body = futures_util::stream::once(async move {
        store.close().await;
        Ok::<_, Infallible>(r#"{"name": "shop"}"#)
    });
    let create = request(Method::POST, &tunnels("")).body(Body::from_stream(body));
    assert_json_snapshot!("fault_store", api.send(create.unwrap()).await.whole());
    assert_eq!(api.get(&connections).await.failure(), (500, 1500));
}

#[tokio::test]
async fn a_body_that_never_ends_or_breaks_off_is_given_up() {
    let api = Api::new().await;
    let client = api.limited(Limits {
        body_time: Duration::from_millis(20),
        ..Limits::default()
    });
    let slow = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let answer = client
        .send(request(Method::POST, &tunnels("")).body(slow).unwrap())
        .await;
    assert_eq!(answer.failure(), (408, 1408));
    let broken = futures_util::stream::iter([
        Ok(Bytes::from_static(b"{\"na")),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ]);
    let broken = request(Method::POST, &tunnels("")).body(Body::from_stream(broken));
    assert_eq!(client.send(broken.unwrap()).await.failure(), (400, 6007));
}

#[tokio::test]
async fn an_answer_repeats_only_so_much_of_a_request() {
    let api = Api::new().await;
    let path = format!("/{}", "x".repeat(10_000));
    assert!(api.get(&path).await.message().len() < 400);
    let body = json!({"name": "a", "config_src": "x".repeat(10_000)});
    assert!(api.post(&tunnels(""), body).await.message().len() < 400);
}

#[tokio::test]
async fn an_array_stands_in_for_no_object_however_deep() {
    let api = Api::new().await;
    let record = json!({"type": "A", "name": "www", "content": "192.0.2.1", "ttl": 1, "settings": []});
    for (path, body, field) in [
        (
            "/zones".to_owned(),
            json!({"name": "a.example", "account": []}),
            "/account",
        ),
        (api.zone("/dns_records"), record, "/settings"),
        (
            format!("/accounts/{ACCOUNT}/tokens"),
            json!({"name": "t", "policies": [["allow", [], {}]]}),
            "/policies/0",
        ),
        (
            format!("/accounts/{ACCOUNT}/tokens"),
            json!({"name": "t", "policies": [], "condition": [[]]}),
            "/condition",
        ),
    ] {
        let answer = api.post(&path, body).await;
        assert_eq!(answer.failure(), (400, 1001), "{path}");
        assert_eq!(answer.body["errors"][0]["source"]["pointer"], field);
    }
}
