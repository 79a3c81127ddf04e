//! Lets through who shows a token of an access team: a JWT in `Cf-Access-Jwt-Assertion`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::ingress::{self, OriginRequest, Service};
use adit_wire::{Extras, FlowKind, RequestHead};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::client::Ways;
use super::{HttpOrigin, RequestBody, Tags};
use crate::ConnectorError;

const ASSERTION: HeaderName = HeaderName::from_static("cf-access-jwt-assertion");
const KEYS_PATH: &str = "/cdn-cgi/access/certs";
/// The most that a list of keys may hold, bytes.
const MAX_KEYS_BYTES: usize = 256 * 1024;
/// Keys are had within this.
const FETCH_LIMIT: Duration = Duration::from_secs(10);
/// Keys are fetched again after this, as they are replaced now and then.
const KEYS_LIVE: Duration = Duration::from_secs(3600);
/// A token with an unknown key makes them be fetched again, but not more often than this.
const FETCH_PAUSE: Duration = Duration::from_secs(10);

/// Who is let through to an origin.
pub(crate) struct Guard {
    /// Without the scheme.
    host: String,
    audiences: Vec<String>,
    keys_at: HttpOrigin,
    keys: Mutex<Keys>,
}

/// Whether a request is let through.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    /// It shows no token, or one for something else: 403, and why for the log.
    Forbidden(&'static str),
    /// Its token is none, or nobody can tell: 502, and why.
    Failed(String),
}

#[derive(Default)]
struct Keys {
    by_id: Arc<BTreeMap<String, DecodingKey>>,
    fetched: Option<Instant>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    aud: Audience,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Guard {
    pub(super) fn new(access: &ingress::Access, ways: &mut Ways<'_>) -> Result<Self, ConnectorError> {
        let domain = match access.environment.as_str() {
            "fed" => "fed.cloudflareaccess.com",
            _ => "cloudflareaccess.com",
        };
        let host = format!("{}.{domain}", access.team_name);
        let no_team = || ConnectorError::Origin(format!("the access team {:?} is no name", access.team_name));
        let Ok(Service::Http(origin)) = Service::parse(&format!("https://{host}")) else {
            return Err(no_team());
        };
        let keys_at = HttpOrigin::over_tcp(&origin, &OriginRequest::default(), ways)?;
        Ok(Self::with_keys_at(host, access.aud_tag.clone(), keys_at))
    }

    fn with_keys_at(host: String, audiences: Vec<String>, keys_at: HttpOrigin) -> Self {
        Self {
            host,
            audiences,
            keys_at,
            keys: Mutex::default(),
        }
    }

    /// Whether a request with these headers is let through.
    pub(crate) async fn check(&self, headers: &HeaderMap) -> Verdict {
        let token = headers.get(ASSERTION).map(|token| token.as_bytes());
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Verdict::Forbidden("no access token in request");
        };
        match self.audience(token).await {
            Ok(audience) if audience.has_one_of(&self.audiences) => Verdict::Allowed,
            Ok(_) => Verdict::Forbidden("the request's access token is for something else"),
            Err(reason) => Verdict::Failed(reason),
        }
    }

    /// Whom a token is for, if the team issued it and it is valid now.
    async fn audience(&self, token: &[u8]) -> Result<Audience, String> {
        let bad = |error: jsonwebtoken::errors::Error| format!("the access token is not valid: {error}");
        let id = decode_header(token).map_err(bad)?.kid.unwrap_or_default();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = 0;
        validation.validate_aud = false;
        validation.set_issuer(&[format!("https://{}", self.host)]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        let keys = self.keys(&id).await?;
        let key = keys
            .get(&id)
            .ok_or_else(|| "the access token's key is unknown".to_owned())?;
        let claims = decode::<Claims>(token, key, &validation).map_err(bad)?;
        Ok(claims.claims.aud)
    }

    /// The team's keys, fetched if they are old or lack this one. Others wait meanwhile and share what came.
    async fn keys(&self, wanted: &str) -> Result<Arc<BTreeMap<String, DecodingKey>>, String> {
        let mut keys = self.keys.lock().await;
        let age = keys.fetched.map(|fetched| fetched.elapsed());
        let fresh =
            age.is_some_and(|age| age < FETCH_PAUSE || (age < KEYS_LIVE && keys.by_id.contains_key(wanted)));
        if !fresh {
            keys.fetched = Some(Instant::now());
            let fetched = tokio::time::timeout(FETCH_LIMIT, self.fetch()).await;
            match fetched.unwrap_or_else(|_| Err("they took too long".to_owned())) {
                Ok(by_id) => keys.by_id = Arc::new(by_id),
                Err(reason) if keys.by_id.is_empty() => {
                    return Err(format!("cannot get the keys of the access team: {reason}"));
                }
                Err(reason) => tracing::warn!(
                    team = self.host,
                    reason,
                    "cannot renew the keys of an access team"
                ),
            }
        }
        Ok(Arc::clone(&keys.by_id))
    }

    async fn fetch(&self) -> Result<BTreeMap<String, DecodingKey>, String> {
        let head = RequestHead {
            kind: FlowKind::Http,
            dest: KEYS_PATH.to_owned(),
            method: Method::GET,
            host: self.host.clone(),
            headers: HeaderMap::new(),
            flow_id: None,
            extras: Extras::default(),
        };
        let tags = Tags::none();
        let asked = self.keys_at.send(Box::new(head), RequestBody::Empty, &tags);
        let response = asked.await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("status {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_KEYS_BYTES);
        let body = body
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        let set: JwkSet = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        // Keys of kinds that sign no token here are passed over.
        let key = |key: &Jwk| Some((key.common.key_id.clone()?, DecodingKey::from_jwk(key).ok()?));
        Ok(set.keys.iter().filter_map(key).collect())
    }
}

impl Audience {
    fn has_one_of(&self, wanted: &[String]) -> bool {
        match self {
            Self::One(one) => wanted.contains(one),
            Self::Several(several) => several.iter().any(|one| wanted.contains(one)),
        }
    }
}

#[cfg(test)]
mod tests;
