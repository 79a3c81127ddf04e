//! One offer of a configuration over one connection.

use adit_core::rollout::Outcome;
use adit_model::ConfigVersion;
use adit_net::{
    h2::{H2Error, H2RecvBody, H2Session},
    quic::QuicConnection,
};
use adit_rpc::{CALL_TIME, CallStream, RpcLanes};
use adit_wire::{
    calls::ConfigurationAnswer,
    http2::{UPGRADE_CONFIGURATION, UPGRADE_HEADER},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::debug;

use crate::{
    connection::{Connection, Transport},
    context::Context,
};

/// What an offer holds besides the configuration, in KiB.
const OFFER_KIB: usize = 16;
/// The longest answer over HTTP/2.
const ANSWER_BYTES: usize = 64 * 1024;
/// The longest reason that is kept, in characters.
const REASON_CHARS: usize = 1024;
/// Over HTTP/2 stock connectors send an empty object in the place of their reason.
const NO_REASON: &str = "The connector gave no reason: over HTTP/2 it sends none. Its own log has it.";

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("the connection takes no further stream")]
    Full,
    #[error("no answer within {} s", CALL_TIME.as_secs())]
    TimedOut,
    #[error(transparent)]
    Call(#[from] adit_rpc::CallError),
    #[error(transparent)]
    Http2(#[from] H2Error),
    #[error("the answer has status {0}")]
    Status(StatusCode),
    #[error("the answer is longer than {ANSWER_BYTES} bytes")]
    Long,
    #[error("the answer is not understood")]
    Malformed,
}

/// Offers a configuration, once there is room for it in memory.
pub(super) async fn deliver(
    context: &Context,
    room: &Semaphore,
    connection: &Connection,
    version: ConfigVersion,
    json: Bytes,
) -> Outcome {
    // As bytes and as a message.
    let kib = OFFER_KIB + json.len() / 1024 * 2;
    // The semaphore is never closed.
    let _room = room.acquire_many(u32::try_from(kib).unwrap_or(u32::MAX)).await;
    let answer = match &connection.transport {
        Transport::Quic(quic) => over_quic(&context.lanes, quic, version, json).await,
        Transport::Http2(session) => {
            let answer = tokio::time::timeout(CALL_TIME, over_http2(session, version, &json));
            answer.await.unwrap_or(Err(Unanswered::TimedOut))
        }
    };
    match answer {
        Ok(ConfigurationAnswer { running, refusal }) => Outcome::Answered { running, refusal },
        Err(why) => {
            debug!(
                connection.id = %connection.id, connection.index = %connection.index,
                connector.id = %connection.connector.id, configuration.version = version.0, reason = %why,
                "no answer to a configuration"
            );
            Outcome::Silent
        }
    }
}

async fn over_quic(
    lanes: &RpcLanes,
    quic: &QuicConnection,
    version: ConfigVersion,
    json: Bytes,
) -> Result<ConfigurationAnswer, Unanswered> {
    let opened = quic.try_open_stream().ok().flatten();
    let (writer, reader) = opened.ok_or(Unanswered::Full)?;
    let call = CallStream::new(lanes, reader, writer);
    Ok(call.update_configuration(version, json).await?)
}

async fn over_http2(
    session: &H2Session,
    version: ConfigVersion,
    json: &[u8],
) -> Result<ConfigurationAnswer, Unanswered> {
    let mut request = Request::new(());
    *request.method_mut() = Method::PUT;
    *request.uri_mut() = Uri::from_static("https://h2.cftunnel.com/");
    let headers = request.headers_mut();
    headers.insert(UPGRADE_HEADER, HeaderValue::from_static(UPGRADE_CONFIGURATION));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (response, mut body) = session.open(request, false).await?;
    let mut text = format!(r#"{{"version":{},"config":"#, version.0).into_bytes();
    text.extend_from_slice(json);
    text.push(b'}');
    body.write_chunk(Bytes::from(text)).await?;
    body.finish();
    let (head, mut answer) = response.await?;
    if head.status != StatusCode::OK {
        return Err(Unanswered::Status(head.status));
    }
    read_answer(&whole(&mut answer).await?).ok_or(Unanswered::Malformed)
}

async fn whole(body: &mut H2RecvBody) -> Result<Vec<u8>, Unanswered> {
    let mut whole = Vec::new();
    while let Some(chunk) = body.read_chunk().await? {
        if whole.len() + chunk.len() > ANSWER_BYTES {
            return Err(Unanswered::Long);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// Source: cloudflare/cloudflared: connection/http2.go (`configUpdateResult`).
fn read_answer(text: &[u8]) -> Option<ConfigurationAnswer> {
    let answer: Value = serde_json::from_slice(text).ok()?;
    let running = answer.get("lastAppliedVersion")?.as_i64()?;
    let refusal = match answer.get("err") {
        None | Some(Value::Null) => None,
        Some(Value::String(reason)) => Some(reason.clone()),
        Some(Value::Object(fields)) if fields.is_empty() => Some(NO_REASON.to_owned()),
        Some(other) => Some(other.to_string()),
    };
    Some(ConfigurationAnswer {
        running: ConfigVersion(i32::try_from(running).ok()?),
        refusal: refusal.map(|reason| {
            let plain = reason.chars().map(|c| if c.is_control() { ' ' } else { c });
            plain.take(REASON_CHARS).collect()
        }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(running: i32, refusal: Option<&str>) -> Option<ConfigurationAnswer> {
        Some(ConfigurationAnswer {
            running: ConfigVersion(running),
            refusal: refusal.map(str::to_owned),
        })
    }

    #[test]
    fn a_refusal_is_told_from_an_acceptance_whatever_shape_its_reason_has() {
        let read = |text: &str| read_answer(text.as_bytes());
        assert_eq!(read(r#"{"lastAppliedVersion":3,"err":null}"#), answer(3, None));
        assert_eq!(read(r#"{"lastAppliedVersion":3}"#), answer(3, None));
        assert_eq!(
            read(r#"{"lastAppliedVersion":-1,"err":{}}"#),
            answer(-1, Some(NO_REASON))
        );
        assert_eq!(
            read(r#"{"lastAppliedVersion":1,"err":"no\nrules"}"#),
            answer(1, Some("no rules"))
        );
        assert_eq!(
            read(r#"{"lastAppliedVersion":1,"err":{"x":1}}"#),
            answer(1, Some(r#"{"x":1}"#))
        );
        for malformed in [
            "",
            "[]",
            "{}",
            r#"{"lastAppliedVersion":1.5}"#,
            r#"{"lastAppliedVersion":9999999999}"#,
        ] {
            assert_eq!(read(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn an_answer_cut_anywhere_is_none() {
        let whole = br#"{"lastAppliedVersion":12,"err":"why not"}"#;
        for cut in 0..whole.len() {
            assert_eq!(read_answer(&whole[..cut]), None, "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes: Vec<u8>, err in ".{0,20}") {
            let _ = read_answer(&bytes);
            let _ = read_answer(format!(r#"{{"lastAppliedVersion":1,"err":{err}}}"#).as_bytes());
        }
    }
}
