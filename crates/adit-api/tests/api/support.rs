//! An API over a catalog in memory and edges that say what they are told to.

mod catalog;
mod edges;
mod home;
mod server;

use std::{net::IpAddr, ops::Deref, sync::Arc};

use adit_api::{ApiState, ClientAddress, Limits, router};
use adit_core::reserved_hosts::ReservedHosts;
use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) use catalog::{Fault, MemoryCatalog};
pub(crate) use edges::ScriptedEdges;
pub(crate) use home::Home;
pub(crate) use server::Server;

pub(crate) const ACCOUNT: &str = "699d98642c564d2e855e9661899b7252";
pub(crate) const OTHER_ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
pub(crate) const ZONE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const OTHER_ZONE: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub(crate) const TOKEN: &str = "tokenOfTheAccount_0123456789-abcdefghijk";
pub(crate) const OTHER_TOKEN: &str = "tokenOfAnotherAccount_0123456789-abcdefg";
pub(crate) const EMAIL: &str = "user@example.com";
pub(crate) const KEY: &str = "144c9defac04969c7bfad8efaa8ea194";
/// Base64 of 32 bytes.
pub(crate) const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub(crate) const NOBODY: &str = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";

/// An API over a catalog in memory.
pub(crate) struct Api {
    client: Client,
    pub(crate) catalog: Arc<MemoryCatalog>,
    pub(crate) edges: Arc<ScriptedEdges>,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let (catalog, edges) = (Arc::<MemoryCatalog>::default(), Arc::<ScriptedEdges>::default());
        let reserved = ReservedHosts::of_domain(&"example.com".parse().unwrap()).unwrap();
        let state = ApiState {
            catalog: Arc::<MemoryCatalog>::clone(&catalog),
            edges: Arc::<ScriptedEdges>::clone(&edges),
            reserved,
            limits,
        };
        let client = Client {
            router: router(state),
        };
        Self {
            client,
            catalog,
            edges,
        }
    }
}

impl Deref for Api {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Whoever holds the token of the account.
pub(crate) struct Client {
    pub(crate) router: Router,
}

impl Client {
    /// Sends a request as it is.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        request
            .extensions_mut()
            .insert(ClientAddress(IpAddr::from([192, 0, 2, 7])));
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
        let answer = self
            .post(&tunnels(""), json!({"name": name, "tunnel_secret": SECRET}))
            .await;
        answer.result()["id"].as_str().unwrap().to_owned()
    }
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

/// The path of the account's zone with something behind it.
pub(crate) fn zone(rest: &str) -> String {
    format!("/zones/{ZONE}{rest}")
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The result of a success.
    pub(crate) fn result(&self) -> &Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        &self.body["result"]
    }

    /// Status and first code of a failure, after checking that its envelope is whole.
    pub(crate) fn failure(&self) -> (u16, u64) {
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        assert_eq!(self.body["success"], false, "{self:?}");
        assert_eq!(self.body["messages"], json!([]), "{self:?}");
        assert_eq!(self.body["result"], Value::Null, "{self:?}");
        let errors = self.body["errors"].as_array().unwrap();
        assert!(
            errors.iter().all(|error| error["code"].as_u64() >= Some(1000)),
            "{self:?}"
        );
        assert!(
            errors
                .iter()
                .all(|error| error["message"].as_str().is_some_and(|m| !m.is_empty()))
        );
        assert_eq!(
            self.headers.contains_key("x-should-retry"),
            self.status.is_client_error(),
            "{self:?}"
        );
        (self.status.as_u16(), errors[0]["code"].as_u64().unwrap())
    }

    /// The text of the first error.
    pub(crate) fn message(&self) -> &str {
        self.body["errors"][0]["message"].as_str().unwrap()
    }

    /// Everything a client sees and that stays the same.
    pub(crate) fn whole(&self) -> Value {
        let shown = ["content-type", "x-should-retry", "allow", "retry-after"];
        let headers: serde_json::Map<String, Value> = shown
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.headers.get(*name)?.to_str().ok()?.into())))
            .collect();
        json!({"status": self.status.as_u16(), "headers": headers, "body": self.body})
    }
}
