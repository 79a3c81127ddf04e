//! What the logs tell, and what they never do.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use http::Request;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Api, EMAIL, Fault, KEY, SECRET, TOKEN, tunnels};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn with(&self, text: &str) -> usize {
        self.text().lines().filter(|line| line.contains(text)).count()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn capture() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn a_request_leaves_one_line() {
    let (lines, _guard) = capture();
    let api = Api::new().await;
    let answer = api.get(&tunnels("?name=blog")).await;
    assert_eq!(lines.with("adit_api::access"), 1);
    let text = lines.text();
    for part in [
        "http.method=GET",
        "http.route=\"/client/v4/accounts/{account_id}/cfd_tunnel\"",
        "http.status=200",
        "elapsed_ms=",
        &format!("actor=\"token:{}\"", api.token_id),
        "client.address=192.0.2.7",
        answer.headers["x-request-id"].to_str().unwrap(),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test]
async fn a_refused_credential_is_logged_once_and_never_shown() {
    let (lines, _guard) = capture();
    let api = Api::new().await;
    let wrong = Request::get(format!("/client/v4{}", tunnels("")))
        .header("authorization", "Bearer wrongTokenOfSomebody");
    api.send(wrong.body(Body::empty()).unwrap()).await.failure();
    let key = Request::get("/client/v4/zones")
        .header("x-auth-email", EMAIL)
        .header("x-auth-key", "wrongKeyOfSomebody");
    api.send(key.body(Body::empty()).unwrap()).await.failure();
    assert_eq!(lines.with("authentication failed"), 2);
    assert_eq!(lines.with("OfSomebody"), 0);
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let (lines, _guard) = capture();
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    api.get(&tunnels(&format!("/{id}/token"))).await.result();
    api.post(&tunnels(""), json!({"name": 1, "tunnel_secret": SECRET}))
        .await
        .failure();
    api.get(&tunnels("?name=secretName&is_deleted=x")).await.failure();
    let user = Request::get("/client/v4/zones")
        .header("x-auth-email", EMAIL)
        .header("x-auth-key", KEY);
    api.send(user.body(Body::empty()).unwrap()).await.result();
    for secret in [SECRET, TOKEN, KEY, "eyJhIjoi", "secretName"] {
        assert_eq!(lines.with(secret), 0, "{secret}");
    }
}

#[tokio::test]
async fn our_own_failures_are_logged_once_with_their_cause() {
    let (lines, _guard) = capture();
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let connections = tunnels(&format!("/{id}/connections"));
    api.edges.fail(Fault::Panic);
    api.delete(&connections).await.failure();
    assert_eq!(lines.with("a bug"), 1, "{}", lines.text());
    api.store.close().await;
    api.get(&connections).await.failure();
    assert_eq!(lines.with("the store is closed"), 1, "{}", lines.text());
}

#[tokio::test]
async fn a_request_that_its_client_gave_up_leaves_a_line_too() {
    let (lines, _guard) = capture();
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    api.edges.fail(Fault::Hang);
    let connections = tunnels(&format!("/{id}/connections"));
    tokio::select! {
        answer = api.delete(&connections) => panic!("{answer:?}"),
        () = api.edges.are_asked() => {}
    }
    assert_eq!(lines.with("http.status=0"), 1);
}
