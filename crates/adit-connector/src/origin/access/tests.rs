//! Tokens of a team whose keys are served on loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use adit_net::proxy::EnvironmentProxies;
use adit_testing::scripted::{ScriptedOrigin, full};
use http::{HeaderValue, Response};
use jsonwebtoken::{EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://team.cloudflareaccess.com";

struct Team {
    key: EncodingKey,
    guard: Guard,
    fetches: Arc<AtomicUsize>,
    _origin: ScriptedOrigin,
}

impl Team {
    async fn start() -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
        public.common.key_id = Some("one".to_owned());
        let keys = serde_json::to_string(&JwkSet { keys: vec![public] }).unwrap();
        let fetches = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&fetches);
        let origin = ScriptedOrigin::start(move |request: http::Request<hyper::body::Incoming>| {
            assert_eq!(request.uri().path(), KEYS_PATH);
            counter.fetch_add(1, Ordering::Relaxed);
            let answer = Response::new(full(keys.clone()));
            async move { answer }
        })
        .await;
        let Ok(Service::Http(at)) = Service::parse(&origin.url()) else {
            panic!("a scripted origin is an HTTP origin");
        };
        let keys_at = HttpOrigin::over_tcp(
            &at,
            &OriginRequest::default(),
            &mut Ways::new(&EnvironmentProxies::default()),
        )
        .unwrap();
        let host = "team.cloudflareaccess.com".to_owned();
        Self {
            key,
            guard: Guard::with_keys_at(host, vec!["shop".to_owned()], keys_at),
            fetches,
            _origin: origin,
        }
    }

    fn token(&self, claims: &Value, id: &str) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(id.to_owned());
        encode(&header, claims, &self.key).unwrap()
    }

    async fn check(&self, token: &str) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(ASSERTION, HeaderValue::from_str(token).unwrap());
        self.guard.check(&headers).await
    }
}

fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

fn claims(audience: &Value, expires_in: i64) -> Value {
    json!({"iss": ISSUER, "aud": audience, "exp": seconds_from_now(expires_in)})
}

#[tokio::test]
async fn a_valid_token_for_this_audience_is_let_through() {
    let team = Team::start().await;
    for audience in [json!("shop"), json!(["other", "shop"])] {
        let token = team.token(&claims(&audience, 60), "one");
        assert_eq!(team.check(&token).await, Verdict::Allowed);
    }
    assert_eq!(team.fetches.load(Ordering::Relaxed), 1, "keys are kept");
}

#[tokio::test]
async fn no_token_and_one_for_something_else_are_forbidden() {
    let team = Team::start().await;
    assert!(matches!(
        team.guard.check(&HeaderMap::new()).await,
        Verdict::Forbidden(_)
    ));
    assert_eq!(team.fetches.load(Ordering::Relaxed), 0);
    for audience in [json!("other"), json!([])] {
        let token = team.token(&claims(&audience, 60), "one");
        assert!(matches!(team.check(&token).await, Verdict::Forbidden(_)));
    }
}

#[tokio::test]
async fn tokens_that_are_expired_forged_or_of_another_team_fail() {
    let team = Team::start().await;
    let shop = json!("shop");
    let other_issuer = json!({"iss": "https://evil.example", "aud": "shop", "exp": seconds_from_now(60)});
    let without_end = json!({"iss": ISSUER, "aud": "shop"});
    let good = team.token(&claims(&shop, 60), "one");
    let (body, _signature) = good.rsplit_once('.').unwrap();
    let secret = EncodingKey::from_secret(b"x");
    let mut symmetric = Header::new(Algorithm::HS256);
    symmetric.kid = Some("one".to_owned());
    for bad in [
        team.token(&claims(&shop, -5), "one"),
        team.token(&other_issuer, "one"),
        team.token(&without_end, "one"),
        team.token(&claims(&shop, 60), "unknown"),
        encode(&symmetric, &claims(&shop, 60), &secret).unwrap(),
        format!("{body}.AAAA"),
        "nonsense".to_owned(),
    ] {
        let verdict = team.check(&bad).await;
        assert!(matches!(verdict, Verdict::Failed(_)), "{bad}: {verdict:?}");
    }
}

#[tokio::test]
async fn unknown_keys_do_not_make_the_team_be_asked_again_and_again() {
    let team = Team::start().await;
    let token = team.token(&claims(&json!("shop"), 60), "unknown");
    for _ in 0..20 {
        assert!(matches!(team.check(&token).await, Verdict::Failed(_)));
    }
    assert_eq!(team.fetches.load(Ordering::Relaxed), 1);
}
