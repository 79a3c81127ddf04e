//! A quick tunnel: a service gives out a tunnel with a host name to whoever asks, and this process serves it.
//!
//! Source: cloudflare/cloudflared: cmd/cloudflared/tunnel/quick_tunnel.go.

use std::time::Duration;

use adit_connector::{Protocol, ProtocolChoice};
use adit_model::{AccountId, TunnelId, TunnelKey, TunnelSecret};
use adit_wire::{CredentialsFile, TunnelToken};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::Deserialize;

use super::{
    connect,
    options::{TunnelOptions, set},
    plan::Prepared,
};
use crate::{failure::Failure, personality::Personality, rest::tls};

/// Whom the stock client asks.
pub(super) const VENDORS_SERVICE: &str = "https://api.trycloudflare.com";

/// As the stock client's.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Far above what a service answers.
const MOST_BYTES: usize = 64 * 1024;

#[derive(Debug, Deserialize)]
struct Answer {
    result: Option<Given>,
    #[serde(default)]
    errors: Option<Vec<Complaint>>,
}

#[derive(Debug, Deserialize)]
struct Complaint {
    message: String,
}

/// A tunnel that was given out.
#[derive(Debug, Deserialize)]
struct Given {
    id: TunnelId,
    hostname: String,
    account_tag: AccountId,
    /// Base64.
    secret: String,
}

impl Given {
    fn token(&self) -> Option<TunnelToken> {
        let secret = TunnelSecret::new(BASE64_STANDARD.decode(&self.secret).ok()?).ok()?;
        let tunnel = TunnelKey {
            account: self.account_tag,
            tunnel: self.id,
        };
        Some(TunnelToken::from(CredentialsFile {
            tunnel,
            secret,
            name: None,
        }))
    }
}

/// Asks for a tunnel, says where it is, and serves it over one connection.
///
/// # Errors
/// If the service gives none, or as `tunnel run`.
pub(super) async fn run(
    service: &str,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let prepared = Prepared::read(options, personality)?;
    tracing::info!(service, "Requesting new quick Tunnel");
    let given = ask(service, options).await?;
    let token = given
        .token()
        .ok_or_else(|| Failure::because(format!("{service} gave a tunnel whose secret cannot be used")))?;
    for line in announcement(&given.hostname) {
        tracing::info!("{line}");
    }
    let mut plan = prepared.plan(token).await?;
    plan.config.ha_connections = 1;
    plan.config.private.icmp = false;
    plan.quick_tunnel = Some(given.hostname);
    if !options.edges.protocol_was_said() && plan.config.proxy.is_none() {
        plan.config.protocol = ProtocolChoice::Only(Protocol::Quic);
    }
    connect::serve(plan).await
}

async fn ask(service: &str, options: &TunnelOptions) -> Result<Given, Failure> {
    let base = service.trim_end_matches('/');
    let failed = |error: anyhow::Error| {
        Failure::failed(error.context(format!("cannot get a quick tunnel from {base}")))
    };
    let ca = set(options.cacert.as_ref()).map(std::path::PathBuf::as_path);
    let connector = tls::connector(ca).map_err(|error| failed(error.into()))?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{base}/tunnel"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("adit/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(error.into()))?;
    let exchange = async {
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let response = client.request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
        read(status, &body)
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(given) => given.map_err(failed),
        Err(_elapsed) => Err(failed(anyhow::anyhow!(
            "no answer within {} s",
            TIMEOUT.as_secs()
        ))),
    }
}

/// What an answer gives. As to the stock client, only a tunnel that can be used counts, and no status.
fn read(status: StatusCode, body: &[u8]) -> anyhow::Result<Given> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|_| anyhow::anyhow!("the answer, with status {status}, is none of such a service"))?;
    if let Some(given) = answer.result {
        return Ok(given);
    }
    let complaints: Vec<_> = answer
        .errors
        .unwrap_or_default()
        .into_iter()
        .map(|complaint| complaint.message)
        .collect();
    Err(anyhow::anyhow!(
        "it answered with status {status}: {}",
        complaints.join("; ")
    ))
}

/// Where the tunnel is, in a box that stands out of a log; tools look for the URL between its sides.
fn announcement(hostname: &str) -> Vec<String> {
    let url = match hostname.starts_with("https://") {
        true => hostname.to_owned(),
        false => format!("https://{hostname}"),
    };
    let lines = ["A quick tunnel is ready for you. Visit it, soon after, at:", &url];
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let border = format!("+{}+", "-".repeat(width + 4));
    let mut announcement = vec![border.clone()];
    announcement.extend(lines.iter().map(|line| format!("|  {line:width$}  |")));
    announcement.push(border);
    announcement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_by_the_tunnel_in_it() {
        let given = br#"{"success":true,"errors":[],"result":{"id":"c1744f8b-faa1-48a4-9e5c-02ac921467fa",
            "name":"qt-x","hostname":"x.example.com","account_tag":"699d98642c564d2e855e9661899b7252",
            "secret":"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="}}"#;
        let given = read(StatusCode::OK, given).unwrap();
        assert_eq!(given.hostname, "x.example.com");
        assert!(given.token().is_some());

        let off = br#"{"success":false,"errors":[{"code":1,"message":"turned off"}],"result":null}"#;
        let error = read(StatusCode::FORBIDDEN, off).unwrap_err();
        assert!(error.to_string().contains("turned off"), "{error}");
        assert!(read(StatusCode::BAD_GATEWAY, b"<html>").is_err());
    }

    #[test]
    fn the_announcement_is_a_box_around_the_url() {
        let lines = announcement("a.example.com");
        assert!(lines[2].starts_with("|  https://a.example.com"), "{lines:?}");
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() == lines[0].chars().count())
        );
        assert!(announcement("https://b.example")[2].contains("  https://b.example "));
    }
}
