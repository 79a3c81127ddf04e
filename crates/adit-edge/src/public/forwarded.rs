//! Who the client is, and what the edge tells the origin of it.

use std::net::{IpAddr, SocketAddr};

use adit_core::client_address::{client_address, is_trusted};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Peer, PublicLimits};

const ACCESS_JWT: HeaderName = HeaderName::from_static("cf-access-jwt-assertion");
const CF_CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");
pub(super) const CF_RAY: HeaderName = HeaderName::from_static("cf-ray");
const CF_VISITOR: HeaderName = HeaderName::from_static("cf-visitor");
const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A request that has come through this edge so often is running in a circle.
const MAX_PASSES: usize = 4;
/// Our name in `CDN-Loop`.
const LOOP_NAME: &str = "adit";

/// What the edge says of a client.
pub(super) struct Forwarded {
    /// The client's own address, behind trusted proxies.
    pub(super) client: IpAddr,
    chain: String,
    scheme: &'static str,
    passes: usize,
    /// The token of an access service that stands before this edge.
    access_jwt: Option<HeaderValue>,
}

impl Forwarded {
    /// Reads what proxies said, as far as they are trusted.
    pub(super) fn read(headers: &HeaderMap, peer: Peer, limits: &PublicLimits) -> Self {
        let address = peer.address.ip().to_canonical();
        let passes = headers
            .get_all(CDN_LOOP)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter(|item| {
                item.split(';')
                    .next()
                    .is_some_and(|name| name.trim().eq_ignore_ascii_case(LOOP_NAME))
            })
            .count();
        if !is_trusted(&limits.trusted_proxies, address) {
            let (chain, scheme) = (address.to_string(), peer.scheme.as_str());
            return Self {
                client: address,
                chain,
                scheme,
                passes,
                access_jwt: None,
            };
        }
        let told: Vec<&str> = headers
            .get_all(X_FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect();
        let client = client_address(&limits.trusted_proxies, address, told.iter().copied());
        let chain = told
            .into_iter()
            .map(str::to_owned)
            .chain([address.to_string()])
            .collect::<Vec<_>>()
            .join(", ");
        let scheme = match headers.get(X_FORWARDED_PROTO).map(HeaderValue::as_bytes) {
            Some(b"https") => "https",
            Some(b"http") => "http",
            Some(_) | None => peer.scheme.as_str(),
        };
        Self {
            client,
            chain,
            scheme,
            passes,
            access_jwt: limits
                .pass_access_jwt
                .then(|| only(headers, &ACCESS_JWT))
                .flatten(),
        }
    }

    /// The scheme the client used.
    pub(super) const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The client's own address; the port is 0 where a proxy that stands between did not say it.
    pub(super) fn client_address(&self, peer: Peer) -> SocketAddr {
        let here = peer.address.ip().to_canonical() == self.client;
        SocketAddr::new(self.client, if here { peer.address.port() } else { 0 })
    }

    pub(super) const fn is_loop(&self) -> bool {
        self.passes >= MAX_PASSES
    }

    /// Replaces what a client may have said of itself by what the edge knows.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let mut set = |name: HeaderName, value: String| {
            if let Ok(value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(value)) {
                headers.insert(name, value);
            }
        };
        set(CF_CONNECTING_IP, self.client.to_string());
        set(X_FORWARDED_FOR, self.chain.clone());
        set(CDN_LOOP, vec![LOOP_NAME; self.passes + 1].join(", "));
        let visitor = if self.scheme == "https" {
            r#"{"scheme":"https"}"#
        } else {
            r#"{"scheme":"http"}"#
        };
        headers.insert(CF_VISITOR, HeaderValue::from_static(visitor));
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(self.scheme));
        if let Some(jwt) = &self.access_jwt {
            headers.insert(ACCESS_JWT, jwt.clone());
        }
    }
}

/// The value of a header that stands there once. Of several, nobody can tell which the proxy meant.
fn only(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.clone()),
        (Some(_) | None, _) => None,
    }
}

/// True for what a client has no say in: these are the edge's to set, or another product's.
pub(super) fn is_edge_header(name: &HeaderName) -> bool {
    let text = name.as_str();
    if text.starts_with("cf-") {
        return adit_wire::is_internal_header(text)
            || text.starts_with("cf-warp-tag-")
            || matches!(
                text,
                "cf-connecting-ip"
                    | "cf-connecting-ipv6"
                    | "cf-pseudo-ipv4"
                    | "cf-ray"
                    | "cf-visitor"
                    | "cf-trace-id"
                    | "cf-access-jwt-assertion"
            );
    }
    text.starts_with("x-forwarded-") || *name == header::FORWARDED || *name == CDN_LOOP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::public::Scheme;

    fn peer() -> Peer {
        Peer {
            entered: super::super::Entered::Plainly,
            address: "10.0.0.1:4000".parse().unwrap(),
            scheme: Scheme::Http,
        }
    }

    fn headers(items: &[(&'static str, &'static str)]) -> HeaderMap {
        items
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_stranger_is_who_it_connects_as() {
        let said = headers(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https")]);
        let forwarded = Forwarded::read(&said, peer(), &PublicLimits::default());
        assert_eq!(forwarded.client.to_string(), "10.0.0.1");
        assert_eq!((forwarded.chain.as_str(), forwarded.scheme), ("10.0.0.1", "http"));
    }

    #[test]
    fn a_trusted_proxy_is_believed_up_to_the_first_stranger() {
        let limits = PublicLimits {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..PublicLimits::default()
        };
        let said = headers(&[
            ("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.0.0.2"),
            ("x-forwarded-proto", "https"),
        ]);
        let forwarded = Forwarded::read(&said, peer(), &limits);
        assert_eq!(forwarded.client.to_string(), "203.0.113.9");
        assert_eq!(forwarded.chain, "6.6.6.6, 203.0.113.9, 10.0.0.2, 10.0.0.1");
        assert_eq!(forwarded.scheme, "https");
    }

    #[test]
    fn the_token_of_an_access_service_passes_from_a_trusted_proxy_alone_and_only_if_wanted() {
        let passed = |trusted: &str, pass_access_jwt, said: &HeaderMap| {
            let limits = PublicLimits {
                trusted_proxies: vec![trusted.parse().unwrap()],
                pass_access_jwt,
                ..PublicLimits::default()
            };
            let mut written = HeaderMap::new();
            Forwarded::read(said, peer(), &limits).write(&mut written);
            written.get(ACCESS_JWT).cloned()
        };
        let said = headers(&[("cf-access-jwt-assertion", "token")]);
        assert_eq!(
            passed("10.0.0.0/8", true, &said),
            Some(HeaderValue::from_static("token"))
        );
        assert_eq!(passed("10.0.0.0/8", false, &said), None);
        assert_eq!(passed("192.0.2.0/24", true, &said), None);
        let mut twice = said;
        twice.append(ACCESS_JWT, HeaderValue::from_static("mine"));
        assert_eq!(passed("10.0.0.0/8", true, &twice), None);
    }

    #[test]
    fn the_fifth_pass_is_a_loop() {
        let said = headers(&[("cdn-loop", "other; loops=1, adit, adit"), ("x", "y")]);
        assert!(!Forwarded::read(&said, peer(), &PublicLimits::default()).is_loop());
        let said = headers(&[("cdn-loop", "adit, adit, adit, adit")]);
        assert!(Forwarded::read(&said, peer(), &PublicLimits::default()).is_loop());
    }

    #[test]
    fn headers_that_are_the_edges_to_set_are_known() {
        for name in [
            "cf-ray",
            "cf-warp-tag-id",
            "cf-int-x",
            "x-forwarded-host",
            "forwarded",
            "cdn-loop",
        ] {
            assert!(is_edge_header(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["cf-ipcountry", "x-real-ip", "accept"] {
            assert!(!is_edge_header(&HeaderName::from_static(name)), "{name}");
        }
    }
}
