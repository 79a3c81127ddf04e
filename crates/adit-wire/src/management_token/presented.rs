//! What a management token says to a connector, which has no key to verify it with: the edge has done that.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The longest text that is looked at. Tokens have some 500 bytes.
const MAX_BYTES: usize = 4096;
/// The only algorithm of such tokens.
const ALGORITHM: &str = "ES256";

/// What a management token says, nobody having verified it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedClaims {
    /// The id of the tunnel that it is for; never empty.
    pub tunnel: String,
    /// Who it was made for; never empty.
    pub actor: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    tun: Tunnel,
    actor: Actor,
}

#[derive(Deserialize)]
struct Tunnel {
    id: String,
    account_tag: String,
}

#[derive(Deserialize)]
struct Actor {
    id: String,
}

impl PresentedClaims {
    /// Reads a token; `None` if it is none, is signed in another way, or leaves something out.
    /// Source: cloudflare/cloudflared: management/token.go.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let mut parts = token.split('.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || URL_SAFE_NO_PAD.decode(signature).is_err() {
            return None;
        }
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let whole = header.alg == ALGORITHM
            && !claims.tun.id.is_empty()
            && !claims.tun.account_tag.is_empty()
            && !claims.actor.id.is_empty();
        whole.then_some(Self {
            tunnel: claims.tun.id,
            actor: claims.actor.id,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(header), part(claims), part("signature"))
    }

    const HEADER: &str = r#"{"alg":"ES256","typ":"JWT"}"#;

    #[test]
    fn a_whole_token_says_for_which_tunnel_and_whom() {
        let claims = r#"{"tun":{"id":"t","account_tag":"a"},"actor":{"id":"ada","support":true},"iss":"x"}"#;
        let read = PresentedClaims::read(&token(HEADER, claims)).unwrap();
        assert_eq!((read.tunnel.as_str(), read.actor.as_str()), ("t", "ada"));
    }

    #[test]
    fn what_is_none_or_leaves_something_out_is_refused() {
        let whole = r#"{"tun":{"id":"t","account_tag":"a"},"actor":{"id":"ada"}}"#;
        for bad in [
            String::new(),
            "a.b".to_owned(),
            "..".to_owned(),
            format!("{}.x", token(HEADER, whole)),
            token(r#"{"alg":"none"}"#, whole),
            token(r#"{"alg":"HS256"}"#, whole),
            token(
                HEADER,
                r#"{"tun":{"id":"","account_tag":"a"},"actor":{"id":"ada"}}"#,
            ),
            token(
                HEADER,
                r#"{"tun":{"id":"t","account_tag":""},"actor":{"id":"ada"}}"#,
            ),
            token(
                HEADER,
                r#"{"tun":{"id":"t","account_tag":"a"},"actor":{"id":""}}"#,
            ),
            token(HEADER, r#"{"tun":{"id":"t","account_tag":"a"}}"#),
            token(HEADER, &format!("{whole}{}", " ".repeat(MAX_BYTES))),
        ] {
            assert_eq!(PresentedClaims::read(&bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, header: String, claims: String) {
            let _ = PresentedClaims::read(&text);
            let _ = PresentedClaims::read(&token(&header, &claims));
        }
    }
}
