//! The server's API, from where the server is.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use serde_json::Value;
use tokio::{process::Command, time::timeout};

use super::Shown;
use crate::{
    client::{self, ClientError},
    netns::Namespace,
};

const TOKEN: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";
const ACCOUNT: &str = "699d98642c564d2e855e9661899b7252";
const LISTENER: &str = "127.0.0.1:8787";
/// How long a call may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A client of the API, as the person who runs the server has it.
#[derive(Debug, Clone)]
pub struct Api {
    edge: Arc<Namespace>,
}

impl Api {
    pub(super) fn new(edge: &Arc<Namespace>) -> Self {
        Self {
            edge: Arc::clone(edge),
        }
    }

    /// What a server must be started with to let this client in.
    pub(super) fn settings(command: &mut Command) {
        command
            .env("ADIT_BOOTSTRAP_API_TOKEN", TOKEN)
            .env("ADIT_ACCOUNT_ID", ACCOUNT);
    }

    /// Calls it; `path` begins after the account.
    ///
    /// # Errors
    /// When there is no answer, or none in JSON.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<(StatusCode, Value), ClientError> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("/client/v4/accounts/{ACCOUNT}{path}"))
            .header(header::HOST, LISTENER)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let listener: SocketAddr = LISTENER.parse()?;
        let exchange = async {
            let stream = self.edge.connect(listener).await?;
            let (head, mut body) = client::send_on(stream, request).await?;
            let bytes = body.read().await?;
            Ok((head.status(), serde_json::from_slice(&bytes)?))
        };
        timeout(LIMIT, exchange).await?
    }

    /// Calls it for something that has to succeed, and returns the result.
    ///
    /// # Panics
    /// When it does not.
    pub async fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        match self.call(method, path, body).await {
            Ok((_, mut answer)) if answer["success"] == true => answer["result"].take(),
            other => panic!("{method} {path} fails: {other:?}"),
        }
    }

    /// A site's replicas.
    pub(super) async fn replicas(&self, tunnel: &str) -> Result<Vec<Shown>, ClientError> {
        let path = format!("/warp_connector/{tunnel}/connections");
        let (_, answer) = self.call("GET", &path, &Value::Null).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let shown = |replica: &Value| Shown {
            connector: text(&replica["id"]),
            status: text(&replica["ha_status"]),
        };
        let replicas = answer["result"].as_array().ok_or("no list of replicas")?;
        Ok(replicas.iter().map(shown).collect())
    }
}
