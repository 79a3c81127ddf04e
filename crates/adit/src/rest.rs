//! A client of the v4 API, as far as the commands need it.

mod error;
pub(crate) mod tls;

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, de::DeserializeOwned};

pub(crate) use error::RestError;

use crate::tunnel::render::plain;

/// How long one request may take, its answer included; as the stock client's.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Far above any page of a list.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Far above any list; an API that never comes to its end is left here.
const MAX_PAGES: u32 = 10_000;
/// How much of another place's address is told.
const MAX_PLACE_CHARS: usize = 200;

/// The API at one base URL, with one API token.
pub(crate) struct Rest {
    base: String,
    authorization: HeaderValue,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// The envelope of every answer.
#[derive(Deserialize)]
struct Envelope<T> {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Option<Vec<ApiMessage>>,
    result: Option<T>,
    result_info: Option<PageInfo>,
}

/// One complaint of the API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ApiMessage {
    /// The v4 error code.
    pub(crate) code: i64,
    /// What is wrong.
    pub(crate) message: String,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
struct PageInfo {
    count: u64,
    per_page: u64,
    total_count: u64,
}

/// A path below the base, with its query.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    path: String,
    query: Vec<(String, String)>,
}

impl Target {
    /// A path such as `/accounts/…/cfd_tunnel`, made of ids.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            query: Vec::new(),
        }
    }

    /// Adds a query parameter; its value may be any text.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Path and query. Parameters stand in the order of their names, as in the stock client's requests; those of one
    /// name in the order in which they were added.
    fn encoded(&self) -> String {
        let mut parameters: Vec<_> = self.query.iter().collect();
        parameters.sort_by_key(|(name, _)| name);
        let mut text = self.path.clone();
        for (place, (name, value)) in parameters.into_iter().enumerate() {
            text.push(if place == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    text.push(char::from(byte));
                } else if byte == b' ' {
                    text.push('+');
                } else {
                    text.push_str(&format!("%{byte:02X}"));
                }
            }
        }
        text
    }
}

impl Rest {
    /// A client for the API at `base` (which ends in `/client/v4`). `ca` adds roots to the system's.
    ///
    /// # Errors
    /// [`RestError`] if the URL, the token or the CA file cannot be used.
    pub(crate) fn new(base: &str, api_token: &str, ca: Option<&Path>) -> Result<Self, RestError> {
        let base = base.trim_end_matches('/');
        let uri: Uri = base
            .parse()
            .map_err(|_| RestError::BadUrl { url: base.to_owned() })?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.query().is_some() {
            return Err(RestError::BadUrl { url: base.to_owned() });
        }
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {api_token}")).map_err(|_| RestError::BadToken)?;
        authorization.set_sensitive(true);
        Ok(Self {
            base: base.to_owned(),
            authorization,
            client: Client::builder(TokioExecutor::new()).build(tls::connector(ca)?),
        })
    }

    /// `GET`, one object.
    pub(crate) async fn get<T: DeserializeOwned>(&self, target: Target) -> Result<T, RestError> {
        self.object(Method::GET, target, None).await
    }

    /// Any method with a JSON body, answered with one object.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        target: Target,
        body: &serde_json::Value,
    ) -> Result<T, RestError> {
        self.object(method, target, Some(body.to_string())).await
    }

    /// `POST` without a body, answered with one object.
    pub(crate) async fn post<T: DeserializeOwned>(&self, target: Target) -> Result<T, RestError> {
        self.object(Method::POST, target, None).await
    }

    /// `DELETE`; only its success matters.
    pub(crate) async fn delete(&self, target: Target) -> Result<(), RestError> {
        self.call::<serde_json::Value>(Method::DELETE, &target, None)
            .await
            .map(drop)
    }

    /// `GET`, every page of a list.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        target: &Target,
        page_size: Option<u32>,
    ) -> Result<Vec<T>, RestError> {
        let mut items = Vec::new();
        for page in 1..=MAX_PAGES {
            let mut target = target.clone().with("page", &page.to_string());
            if let Some(size) = page_size {
                target = target.with("per_page", &size.to_string());
            }
            let envelope = self.call::<Vec<T>>(Method::GET, &target, None).await?;
            let found = envelope.result.unwrap_or_default();
            let last = found.is_empty();
            items.extend(found);
            let info = envelope.result_info.unwrap_or_default();
            if last
                || info.count < info.per_page
                || u64::try_from(items.len()).is_ok_and(|n| n >= info.total_count)
            {
                break;
            }
        }
        Ok(items)
    }

    async fn object<T: DeserializeOwned>(
        &self,
        method: Method,
        target: Target,
        body: Option<String>,
    ) -> Result<T, RestError> {
        self.call(method, &target, body)
            .await?
            .result
            .ok_or(RestError::NoApi {
                status: StatusCode::OK,
            })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        target: &Target,
        body: Option<String>,
    ) -> Result<Envelope<T>, RestError> {
        let exchange = async {
            let (status, text) = self.exchange(method, target, body).await?;
            judge(status, &text)
        };
        tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(|_| {
            Err(RestError::Silent {
                base: self.base.clone(),
                seconds: TIMEOUT.as_secs(),
            })
        })
    }

    async fn exchange(
        &self,
        method: Method,
        target: &Target,
        body: Option<String>,
    ) -> Result<(StatusCode, Bytes), RestError> {
        let unreachable = |cause: Box<dyn std::error::Error + Send + Sync>| RestError::Unreachable {
            base: self.base.clone(),
            cause: innermost(cause.as_ref()),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{}", self.base, target.encoded()))
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::ACCEPT, "application/json;version=1")
            .header(header::USER_AGENT, concat!("adit/", env!("CARGO_PKG_VERSION")));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::from(body.unwrap_or_default()))
            .map_err(|_| RestError::BadUrl {
                url: self.base.clone(),
            })?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| unreachable(error.into()))?;
        let status = response.status();
        if let (true, Some(to)) = (status.is_redirection(), response.headers().get(header::LOCATION)) {
            let to = String::from_utf8_lossy(to.as_bytes());
            return Err(RestError::Elsewhere {
                base: self.base.clone(),
                to: plain(&to).chars().take(MAX_PLACE_CHARS).collect(),
            });
        }
        let cut = |cause: Box<dyn std::error::Error + Send + Sync>| RestError::Cut {
            base: self.base.clone(),
            cause: innermost(cause.as_ref()),
        };
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(cut)?;
        Ok((status, body.to_bytes()))
    }
}

/// An answer counts only with status 200, as for the stock client.
fn judge<T: DeserializeOwned>(status: StatusCode, text: &[u8]) -> Result<Envelope<T>, RestError> {
    if status == StatusCode::OK {
        let envelope: Envelope<T> = serde_json::from_slice(text).map_err(|_| RestError::NoApi { status })?;
        if envelope.success {
            return Ok(envelope);
        }
        return Err(RestError::Refused {
            status,
            errors: envelope.errors.unwrap_or_default(),
        });
    }
    match serde_json::from_slice::<Envelope<serde_json::Value>>(text) {
        Ok(Envelope {
            errors: Some(errors), ..
        }) if !errors.is_empty() => Err(RestError::Refused { status, errors }),
        _ => Err(RestError::NoApi { status }),
    }
}

/// The cause at the bottom says what happened; those above only say that something did.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_value_may_be_any_text() {
        let target = Target::new("/a").with("name", "my tunnel&x=ü").with("page", "1");
        assert_eq!(target.encoded(), "/a?name=my+tunnel%26x%3D%C3%BC&page=1");
        let target = target.with("exclude_prefix", "a").with("name", "b");
        assert_eq!(
            target.encoded(),
            "/a?exclude_prefix=a&name=my+tunnel%26x%3D%C3%BC&name=b&page=1"
        );
    }

    #[test]
    fn only_an_ok_envelope_counts() {
        let good = br#"{"success":true,"errors":[],"messages":[],"result":3}"#;
        let bad =
            br#"{"success":false,"errors":[{"code":1013,"message":"taken"}],"messages":[],"result":null}"#;
        assert_eq!(judge::<u8>(StatusCode::OK, good).unwrap().result, Some(3));
        for (status, text) in [(StatusCode::OK, &bad[..]), (StatusCode::CONFLICT, &bad[..])] {
            assert!(
                matches!(judge::<u8>(status, text), Err(RestError::Refused { errors, .. }) if errors[0].code == 1013)
            );
        }
        for (status, text) in [
            (StatusCode::CREATED, &good[..]),
            (StatusCode::OK, b"<html>"),
            (StatusCode::BAD_GATEWAY, b""),
        ] {
            assert!(matches!(judge::<u8>(status, text), Err(RestError::NoApi { .. })));
        }
    }

    #[test]
    fn a_base_url_must_be_http() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        for bad in ["", "bogus", "ftp://x/", "http://x/?a=b"] {
            assert!(
                matches!(Rest::new(bad, "token", None), Err(RestError::BadUrl { .. })),
                "{bad}"
            );
        }
        assert!(Rest::new("http://127.0.0.1:1/client/v4/", "token", None).is_ok());
        assert!(matches!(
            Rest::new("http://x", "to\nken", None),
            Err(RestError::BadToken)
        ));
    }
}
