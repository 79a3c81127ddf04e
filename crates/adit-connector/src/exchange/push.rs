//! A configuration that the edge pushes over HTTP/2: one request, and the answer in JSON.

use std::sync::Arc;
use std::time::Duration;

use adit_model::ConfigVersion;
use adit_net::h2::{H2Error, H2RecvBody, H2Reply};
use adit_wire::calls::ConfigurationAnswer;
use adit_wire::http2::RESPONSE_META;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::configuration::Configurations;
use crate::serving::Proxy;

/// The largest configuration taken, bytes, as on QUIC, with what is around it.
const MAX_BYTES: usize = 640 * 1024;
/// A push that is not whole by then is reset.
const LIMIT: Duration = Duration::from_secs(5);
const OWN: HeaderValue = HeaderValue::from_static(r#"{"src":"cloudflared"}"#);

#[derive(Deserialize)]
struct Pushed<'a> {
    version: i32,
    #[serde(borrow)]
    config: &'a RawValue,
}

/// Takes one push, or says why not.
pub(crate) async fn take_push(proxy: Arc<Proxy>, mut body: H2RecvBody, mut reply: H2Reply) {
    let read = match tokio::time::timeout(LIMIT, read(&mut body)).await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => return tracing::debug!(%error, "a pushed configuration broke off"),
        Err(_elapsed) => return tracing::debug!("a pushed configuration did not come in time"),
    };
    let answered = match read.as_deref().and_then(|json| offered(proxy, json)) {
        Some(answer) => send(&mut reply, &answer_json(&answer)).await,
        None => refuse(&mut reply),
    };
    match answered {
        Ok(()) => reply.finish(),
        Err(error) => tracing::debug!(%error, "the edge took no answer to its configuration"),
    }
}

/// The body; `None` if it is too large.
async fn read(body: &mut H2RecvBody) -> Result<Option<BytesMut>, H2Error> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = body.read_chunk().await? {
        if whole.len() + chunk.len() > MAX_BYTES {
            return Ok(None);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(Some(whole))
}

/// What becomes of it; `None` if it is no push.
fn offered(proxy: Arc<Proxy>, json: &[u8]) -> Option<ConfigurationAnswer> {
    let pushed: Pushed<'_> = serde_json::from_slice(json).ok()?;
    let config = pushed.config.get().as_bytes();
    Some(Configurations::new(proxy).offer(ConfigVersion(pushed.version), config))
}

/// Stock connectors send an empty object for what went wrong; edges that read text get it.
fn answer_json(answer: &ConfigurationAnswer) -> Value {
    json!({"lastAppliedVersion": answer.running.0, "err": answer.refusal})
}

async fn send(reply: &mut H2Reply, answer: &Value) -> Result<(), H2Error> {
    reply.answer(Response::new(()))?;
    reply.write_chunk(Bytes::from(answer.to_string())).await
}

fn refuse(reply: &mut H2Reply) -> Result<(), H2Error> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::BAD_GATEWAY;
    head.headers_mut().insert(RESPONSE_META, OWN);
    reply.answer(head)
}
