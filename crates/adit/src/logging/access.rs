//! The access log's lines, of the same form as all others. There is one for each request, so they are formed here
//! without the detour over a general event and its visitors.

use std::{
    cell::RefCell,
    fmt::Display,
    io::{self, Write as _},
    time::SystemTime,
};

use adit_core::port::{AccessLog, ServedRequest};
use adit_model::Timestamp;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter as _;

use super::batch::Batch;
use crate::config::LogFormat;

/// By what the log level can speak of them.
const TARGET: &str = "adit::access";
/// What a line says when it is read by people.
const MESSAGE: &str = "request";

thread_local! {
    /// The line that is being formed.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes beside the other lines.
pub(super) struct AccessLines {
    batch: Batch,
    format: LogFormat,
}

impl AccessLines {
    pub(super) const fn new(batch: Batch, format: LogFormat) -> Self {
        Self { batch, format }
    }
}

impl AccessLog for AccessLines {
    fn write(&self, request: &ServedRequest<'_>) {
        if !tracing::enabled!(target: TARGET, Level::INFO) {
            return;
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            let formed = match self.format {
                LogFormat::Text => text(line, request),
                LogFormat::Json => json(line, request),
            };
            // A line that cannot be formed is lost, as one that cannot be written.
            if formed.is_ok() {
                let _ = self.batch.make_writer().write_all(line);
            }
        });
    }
}

fn json(line: &mut Vec<u8>, request: &ServedRequest<'_>) -> io::Result<()> {
    let now = Timestamp::from(SystemTime::now());
    write!(
        line,
        r#"{{"timestamp":"{now}","level":"INFO","target":"{TARGET}","message":"{MESSAGE}","#
    )?;
    // An object, whose members go on with ours.
    let members = line.len();
    serde_json::to_writer(&mut *line, request)?;
    line.remove(members);
    line.push(b'\n');
    Ok(())
}

fn text(line: &mut Vec<u8>, request: &ServedRequest<'_>) -> io::Result<()> {
    let now = Timestamp::from(SystemTime::now());
    write!(line, "{now}  INFO {TARGET}: {MESSAGE}")?;
    let ServedRequest {
        ray,
        client,
        method,
        version,
        host,
        path,
        status,
        ..
    } = request;
    write!(
        line,
        " ray={ray} client={client} method={method} version={version} host={host:?} path={path:?} status={status}"
    )?;
    pair(line, "tunnel.id", request.tunnel)?;
    if let Some(via) = &request.via {
        pair(line, "connector.id", Some(via.connector))?;
        pair(line, "connection.id", Some(via.connection))?;
        pair(line, "connection.index", Some(via.index))?;
        pair(line, "transport", Some(via.transport))?;
    }
    pair(line, "asked", Some(request.asked))?;
    pair(line, "request_bytes", Some(request.request_bytes))?;
    pair(line, "response_bytes", Some(request.response_bytes))?;
    pair(line, "sent_ms", request.sent_ms)?;
    pair(line, "head_ms", Some(request.head_ms))?;
    pair(line, "total_ms", Some(request.total_ms))?;
    pair(line, "end", Some(request.end))?;
    pair(line, "failed_at", request.failed_at)?;
    if let Some(failure) = request.failure {
        write!(line, " failure={failure:?}")?;
    }
    line.push(b'\n');
    Ok(())
}

/// What is there, under its name.
fn pair(line: &mut Vec<u8>, name: &str, value: Option<impl Display>) -> io::Result<()> {
    match value {
        Some(value) => write!(line, " {name}={value}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use adit_core::port::{Ray, Via};
    use adit_model::{ConnectionId, ConnectionIndex, ConnectorId, TransportProtocol, TunnelId};

    use super::*;

    fn served() -> ServedRequest<'static> {
        ServedRequest {
            ray: Ray(0xa9),
            client: "203.0.113.9".parse().unwrap(),
            method: "GET",
            version: "HTTP/1.1",
            host: "shop.example",
            path: "/a b\n\"x\"=1",
            status: 502,
            tunnel: TunnelId::from_slice(&[1; 16]),
            via: ConnectorId::from_slice(&[2; 16]).map(|connector| Via {
                connector,
                connection: ConnectionId::from_slice(&[3; 16]).unwrap(),
                index: ConnectionIndex(2),
                transport: TransportProtocol::Quic,
            }),
            asked: 1,
            request_bytes: 7,
            response_bytes: 158,
            sent_ms: Some(0.047),
            head_ms: 1.5,
            total_ms: 2.0,
            end: "complete",
            failed_at: Some("connector"),
            failure: Some("the stream ended"),
        }
    }

    fn nothing_asked() -> ServedRequest<'static> {
        ServedRequest {
            tunnel: None,
            via: None,
            sent_ms: None,
            failed_at: None,
            failure: None,
            ..served()
        }
    }

    fn formed(
        form: fn(&mut Vec<u8>, &ServedRequest<'_>) -> io::Result<()>,
        request: &ServedRequest<'_>,
    ) -> String {
        let mut line = Vec::new();
        form(&mut line, request).unwrap();
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        text
    }

    #[test]
    fn a_line_of_json_is_one_object_with_every_member() {
        let line: serde_json::Value = serde_json::from_str(&formed(json, &served())).unwrap();
        let expected = serde_json::json!({
            "timestamp": line["timestamp"], "level": "INFO", "target": "adit::access", "message": "request",
            "ray": "00000000000000a9", "client": "203.0.113.9", "method": "GET", "version": "HTTP/1.1",
            "host": "shop.example", "path": "/a b\n\"x\"=1", "status": 502,
            "tunnel.id": "01010101-0101-0101-0101-010101010101",
            "connector.id": "02020202-0202-0202-0202-020202020202",
            "connection.id": "03030303-0303-0303-0303-030303030303",
            "connection.index": 2, "transport": "quic", "asked": 1, "request_bytes": 7, "response_bytes": 158,
            "sent_ms": 0.047, "head_ms": 1.5, "total_ms": 2.0, "end": "complete", "failed_at": "connector",
            "failure": "the stream ended",
        });
        assert_eq!(line, expected);
        let line: serde_json::Value = serde_json::from_str(&formed(json, &nothing_asked())).unwrap();
        assert_eq!(line.get("tunnel.id"), None);
        assert_eq!(line.get("transport"), None);
    }

    #[test]
    fn a_line_of_text_is_of_the_form_of_the_others() {
        let line = formed(text, &served());
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(Timestamp::parse(time).is_some(), "{time}");
        assert_eq!(
            rest,
            " INFO adit::access: request ray=00000000000000a9 client=203.0.113.9 method=GET version=HTTP/1.1 \
             host=\"shop.example\" path=\"/a b\\n\\\"x\\\"=1\" status=502 \
             tunnel.id=01010101-0101-0101-0101-010101010101 connector.id=02020202-0202-0202-0202-020202020202 \
             connection.id=03030303-0303-0303-0303-030303030303 connection.index=2 transport=quic asked=1 \
             request_bytes=7 response_bytes=158 sent_ms=0.047 head_ms=1.5 total_ms=2 end=complete \
             failed_at=connector failure=\"the stream ended\"\n"
        );
        assert!(!formed(text, &nothing_asked()).contains("transport"));
    }
}
