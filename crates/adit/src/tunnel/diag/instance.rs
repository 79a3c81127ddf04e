//! A connector on this machine, asked by its local HTTP listener.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::failure::Failure;

/// Where connectors listen unless told otherwise.
const PORTS: std::ops::RangeInclusive<u16> = 20241..=20245;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Far above the metrics of a busy connector.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// A connector's listener.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    authority: String,
}

/// What answers at the usual ports.
pub(super) enum Found {
    /// Nothing.
    None,
    /// One connector.
    One(Instance),
    /// Each with its address, tunnel and connector id.
    Several(Vec<String>),
}

impl Instance {
    /// The one at an address such as `localhost:20241`.
    ///
    /// # Errors
    /// If that is no address.
    pub(super) fn at(address: &str) -> Result<Self, Failure> {
        let authority = address.strip_prefix("http://").unwrap_or(address);
        let authority = authority.trim_end_matches('/');
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !has_port || authority.contains(['/', '@', '?', '#']) {
            return Err(Failure::because(format!("--metrics {address:?} is no HOST:PORT")));
        }
        Ok(Self {
            authority: authority.to_owned(),
        })
    }

    /// Looks for connectors at the usual ports.
    pub(super) async fn find() -> Found {
        let mut found = Vec::new();
        for port in PORTS {
            let instance = Self {
                authority: format!("localhost:{port}"),
            };
            let Ok((StatusCode::OK, body)) = instance.get("/diag/tunnel").await else {
                continue;
            };
            if let Ok(state) = serde_json::from_slice::<serde_json::Value>(&body) {
                let text = |name: &str| {
                    state
                        .get(name)
                        .and_then(|id| id.as_str())
                        .unwrap_or("?")
                        .to_owned()
                };
                let line = format!(
                    "{} (tunnel {}, connector {})",
                    instance.authority,
                    text("tunnelID"),
                    text("connectorID")
                );
                found.push((instance, line));
            }
        }
        match found.len() {
            0 | 1 => found
                .pop()
                .map_or(Found::None, |(instance, _)| Found::One(instance)),
            _ => Found::Several(found.into_iter().map(|(_, line)| line).collect()),
        }
    }

    /// Where it is.
    pub(super) fn address(&self) -> &str {
        &self.authority
    }

    /// Its answer.
    ///
    /// # Errors
    /// If there is none, or none in time.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        tokio::time::timeout(PATIENCE, self.ask(path))
            .await
            .context("no answer in time")?
    }

    async fn ask(&self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let places: Vec<SocketAddr> = tokio::net::lookup_host(&self.authority).await?.collect();
        let stream = TcpStream::connect(&places[..]).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(path)
            .header(header::HOST, &self.authority)
            .header(header::ACCEPT, "application/json;version=1")
            .body(Empty::<Bytes>::new())?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
            Ok((status, body.map_err(|error| anyhow::anyhow!(error))?.to_bytes()))
        };
        tokio::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            // The peer closed; what it said before that is there.
            _ = connection => exchange.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (given, authority) in [
            ("localhost:20241", "localhost:20241"),
            ("http://127.0.0.1:1/", "127.0.0.1:1"),
            ("[::1]:20241", "[::1]:20241"),
        ] {
            assert_eq!(Instance::at(given).unwrap().address(), authority);
        }
        for bad in [
            "",
            "localhost",
            ":1",
            "https://x:1",
            "a:b",
            "a:1/x",
            "u@a:1",
            "a:70000",
        ] {
            assert!(Instance::at(bad).is_err(), "{bad}");
        }
    }
}
