//! Answers of the management service, and which web pages may read them.

use std::io;

use adit_wire::{ConnectAnswer, RequestHead, ResponseHead};
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::flow::Answering;
use crate::serving::Proxy;

/// Whose pages may ask: the vendor's dashboard. Edges that have one of their own send no origin on.
const DASHBOARD: &str = ".cloudflare.com";

/// An answer that is there at once.
#[derive(Debug)]
pub(super) struct Answer {
    head: ResponseHead,
    body: Bytes,
}

impl Answer {
    pub(super) fn new(status: StatusCode, kind: &'static str, body: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Self {
            head: ResponseHead { status, headers },
            body: Bytes::from(body),
        }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        let headers = HeaderMap::new();
        Self {
            head: ResponseHead { status, headers },
            body: Bytes::new(),
        }
    }

    #[cfg(test)]
    pub(super) const fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Lets the page read it that asked, if it is one of the vendor's.
    pub(super) fn readable_for(mut self, asked: &HeaderMap) -> Self {
        let headers = &mut self.head.headers;
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        let origin = asked.get(ORIGIN).filter(|origin| {
            let text = origin.to_str().unwrap_or_default();
            text.starts_with("https://") && is_dashboard(text)
        });
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        self
    }

    /// # Errors
    /// If the edge takes no more of it.
    pub(super) async fn send(
        mut self,
        proxy: &Proxy,
        head: &RequestHead,
        reply: &mut Answering,
    ) -> io::Result<()> {
        proxy.metrics.answered(self.head.status);
        self.head
            .headers
            .insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        let body = match head.method {
            Method::HEAD => Bytes::new(),
            _ => self.body,
        };
        reply.answer(ConnectAnswer::Accepted(self.head), body).await?;
        Ok(reply.end_body(None).await?)
    }
}

/// Whether the page that opens a WebSocket, if it is one, may do so: one of the vendor's, or of the host itself.
pub(super) fn origin_may_ask(asked: &HeaderMap, host: &str) -> bool {
    let Some(origin) = asked.get(ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    is_dashboard(origin) || host_of(origin).is_some_and(|name| name.eq_ignore_ascii_case(host))
}

fn is_dashboard(origin: &str) -> bool {
    host_of(origin).is_some_and(|host| {
        let host = host.to_ascii_lowercase();
        host.strip_suffix(DASHBOARD)
            .is_some_and(|below| !below.is_empty())
    })
}

/// The host of `scheme://host[:port]`, and of nothing that has more.
fn host_of(origin: &str) -> Option<&str> {
    let (_, authority) = origin.split_once("://")?;
    let host = match authority.split_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) => return None,
        None => authority,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    host.bytes().all(plain).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        headers
    }

    #[test]
    fn pages_of_strangers_may_neither_read_nor_open_a_stream() {
        for (origin, may) in [
            ("https://dash.cloudflare.com", true),
            ("https://a.dash.cloudflare.com:443", true),
            ("https://cloudflare.com.evil.example", false),
            ("https://evil.example/.cloudflare.com", false),
            ("https://evilcloudflare.com", false),
            ("https://.cloudflare.com", false),
            ("null", false),
        ] {
            let answer = Answer::empty(StatusCode::OK).readable_for(&from(origin));
            let readable = answer.head.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(
                (readable, origin_may_ask(&from(origin), "m.example")),
                (may, may),
                "{origin}"
            );
        }
        assert!(origin_may_ask(&HeaderMap::new(), "m.example"));
        assert!(origin_may_ask(&from("https://m.example"), "m.example"));
    }
}
