//! Requests in, answers out, without a socket.

use std::net::IpAddr;

use adit_api::ClientAddress;
use axum::{
    Router,
    body::{Body, HttpBody as _},
};
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{ACCOUNT, Answer, Contract, SECRET, TOKEN};

/// Whoever holds the token of the account.
pub(crate) struct Client {
    pub(crate) router: Router,
}

impl Client {
    /// Sends a request as it is. What comes back must be in the OpenAPI document.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = request.into_parts();
        let (method, path) = (head.method.clone(), head.uri.to_string());
        let (body, sent) = read_if_whole(body).await;
        let answer = self.exchange(Request::from_parts(head, body)).await;
        Contract::get().check(&method, &path, sent.as_ref(), answer.status, &answer.body);
        answer
    }

    /// Sends a request as it is, whatever comes back.
    pub(crate) async fn exchange(&self, mut request: Request<Body>) -> Answer {
        let address = ClientAddress(IpAddr::from([192, 0, 2, 7]));
        request.extensions_mut().insert(address);
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request(method, path).body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// Makes a tunnel with a known secret; gives its id.
    pub(crate) async fn create_tunnel(&self, name: &str) -> String {
        let body = json!({"name": name, "tunnel_secret": SECRET});
        self.post(&tunnels(""), body).await.id()
    }
}

/// A body, and the JSON in it if it is there already; one that is still to come is left alone.
async fn read_if_whole(body: Body) -> (Body, Option<Value>) {
    if body.size_hint().exact().is_none() {
        return (body, None);
    }
    let bytes = body.collect().await.unwrap().to_bytes();
    let sent = serde_json::from_slice(&bytes).ok();
    (Body::from(bytes), sent)
}

/// A request of the account's token. `path` is relative to `/client/v4`.
pub(crate) fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("/client/v4{path}"))
        .header("authorization", format!("Bearer {TOKEN}"))
}

/// The path of the account's tunnels with something behind it.
pub(crate) fn tunnels(rest: &str) -> String {
    format!("/accounts/{ACCOUNT}/cfd_tunnel{rest}")
}

/// The path of the account with something behind it.
pub(crate) fn account(rest: &str) -> String {
    format!("/accounts/{ACCOUNT}{rest}")
}
