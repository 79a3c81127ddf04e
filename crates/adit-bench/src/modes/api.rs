//! As much of the v4 API as a tunnel with a public name needs.

use std::net::SocketAddr;

use adit_testing::client;
use anyhow::{Context, bail};
use bytes::Bytes;
use http::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use http_body_util::Full;
use serde_json::{Value, json};

/// A running Adit's API.
pub(crate) struct Api {
    addr: SocketAddr,
    token: String,
    account: String,
    domain: String,
}

/// A tunnel with a public name.
pub(crate) struct PublicTunnel {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) host: String,
}

impl Api {
    /// From what `run.json` holds and the token that was given at the start.
    pub(super) fn new(run: &Value, token: String) -> anyhow::Result<Self> {
        let text = |pointer: &str| {
            let value = run.pointer(pointer).and_then(Value::as_str);
            value
                .map(str::to_owned)
                .with_context(|| format!("run.json has no {pointer}"))
        };
        Ok(Self {
            addr: text("/listeners/api")?.parse()?,
            token,
            account: text("/account_id")?,
            domain: text("/domain")?,
        })
    }

    /// A tunnel's id and the token that runs it.
    pub(crate) async fn create_tunnel(&self, name: &str) -> anyhow::Result<(String, String)> {
        let tunnels = format!("/accounts/{}/cfd_tunnel", self.account);
        let tunnel = self
            .call(
                Method::POST,
                &tunnels,
                &json!({ "name": name, "config_src": "local" }),
            )
            .await?;
        let id = tunnel["id"].as_str().context("the tunnel has no id")?.to_owned();
        let token = self
            .call(Method::GET, &format!("{tunnels}/{id}/token"), &Value::Null)
            .await?;
        let token = token.as_str().context("no tunnel token")?.to_owned();
        Ok((id, token))
    }

    /// One whose host name is its name below the domain.
    pub(crate) async fn create_public_tunnel(&self, name: &str) -> anyhow::Result<PublicTunnel> {
        let (id, token) = self.create_tunnel(name).await?;
        let host = format!("{name}.{}", self.domain);
        let zones = self
            .call(Method::GET, &format!("/zones?name={}", self.domain), &Value::Null)
            .await?;
        let zone = zones
            .pointer("/0/id")
            .and_then(Value::as_str)
            .context("the domain has no zone")?;
        let content = format!("{id}.cfargotunnel.com");
        let record = json!({ "type": "CNAME", "name": host, "content": content, "proxied": true, "ttl": 1 });
        self.call(Method::POST, &format!("/zones/{zone}/dns_records"), &record)
            .await?;
        Ok(PublicTunnel { id, token, host })
    }

    /// Sets a tunnel's configuration.
    pub(crate) async fn configure(&self, tunnel: &str, config: &Value) -> anyhow::Result<()> {
        let path = format!("/accounts/{}/cfd_tunnel/{tunnel}/configurations", self.account);
        self.call(Method::PUT, &path, &json!({ "config": config }))
            .await?;
        Ok(())
    }

    /// How many connections the tunnel has.
    pub(crate) async fn connections(&self, tunnel: &str) -> anyhow::Result<usize> {
        let path = format!("/accounts/{}/cfd_tunnel/{tunnel}/connections", self.account);
        let connectors = self.call(Method::GET, &path, &Value::Null).await?;
        let connectors = connectors.as_array().context("no list of connectors")?;
        Ok(connectors
            .iter()
            .filter_map(|connector| connector["conns"].as_array())
            .map(Vec::len)
            .sum())
    }

    /// Leads an IP network to a tunnel.
    pub(crate) async fn route_network(&self, tunnel: &str, network: &str) -> anyhow::Result<()> {
        let path = format!("/accounts/{}/teamnet/routes", self.account);
        let route = json!({ "network": network, "tunnel_id": tunnel });
        self.call(Method::POST, &path, &route).await?;
        Ok(())
    }

    /// What the API is asked with.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("/client/v4{path}"))
            .header(HOST, self.addr.to_string())
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let (head, mut body) = client::send(self.addr, request)
            .await
            .map_err(anyhow::Error::from_boxed)?;
        let mut envelope: Value =
            serde_json::from_slice(&body.read().await.map_err(anyhow::Error::from_boxed)?)?;
        if envelope["success"] != true {
            bail!("{method} {path}: {}: {}", head.status(), envelope["errors"]);
        }
        Ok(envelope["result"].take())
    }
}
