//! What a connector and its operator carry about: tunnel token, credentials file, origin certificate.
//!
//! All three hold a credential, so their errors say which layer failed and never quote the text, and their
//! `Debug` output leaves the secret out.

mod credentials_file;
mod origin_certificate;

use std::fmt;

use adit_model::{AccountId, TunnelId, TunnelKey, TunnelSecret};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

pub use credentials_file::CredentialsFile;
pub use origin_certificate::OriginCertificate;

/// Why a text is not a tunnel token, a credentials file or an origin certificate. Never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not standard base64 with padding.
    #[error("it is not standard base64 with padding")]
    NotBase64,
    /// Not the JSON object that belongs here.
    #[error("it is not a JSON object with the fields it must have")]
    WrongShape,
    /// The tunnel secret in it is not base64, or has fewer than 32 or more than 4096 bytes.
    #[error("the tunnel secret in it is not base64 of 32 to 4096 bytes")]
    BadSecret,
    /// A PEM block that does not end, or ends as another type.
    #[error("a PEM block in it does not end as it began")]
    BrokenPem,
    /// A PEM block that no origin certificate has.
    #[error("it has a PEM block that no origin certificate has")]
    UnknownBlock,
    /// Two token blocks.
    #[error("it has more than one token block")]
    TwoTokens,
    /// No token block, or one without zone, account or API token.
    #[error("it has no token with a zone, an account and an API token; log in again")]
    MissingToken,
}

/// Everything a connector needs to serve a tunnel: what `TUNNEL_TOKEN` holds and the API returns.
///
/// Standard base64 of a JSON object: `a` account tag, `s` tunnel secret in base64, `t` tunnel id.
/// Source: cloudflare/cloudflared: connection/connection.go (`TunnelToken`).
#[derive(Clone)]
pub struct TunnelToken {
    /// The tunnel.
    pub tunnel: TunnelKey,
    /// What the connector proves itself with.
    pub secret: TunnelSecret,
}

#[derive(Serialize, Deserialize)]
struct WireToken {
    a: AccountId,
    s: String,
    t: TunnelId,
}

impl TunnelToken {
    /// Reads a token the way an operator pastes it: blanks around it and line breaks in it are ignored.
    /// Other fields than the three are ignored too.
    ///
    /// # Errors
    /// Says which layer failed.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let compact: String = text
            .trim()
            .chars()
            .filter(|c| !matches!(c, '\r' | '\n'))
            .collect();
        let json = BASE64_STANDARD
            .decode(compact)
            .map_err(|_| TokenError::NotBase64)?;
        let wire: WireToken = serde_json::from_slice(&json).map_err(|_| TokenError::WrongShape)?;
        Ok(Self {
            tunnel: TunnelKey {
                account: wire.a,
                tunnel: wire.t,
            },
            secret: read_secret(&wire.s)?,
        })
    }

    /// The token as text. A credential: show it only to who may run the tunnel.
    #[must_use]
    pub fn encode(&self) -> String {
        let wire = WireToken {
            a: self.tunnel.account,
            s: BASE64_STANDARD.encode(self.secret.expose()),
            t: self.tunnel.tunnel,
        };
        // Three strings always serialise.
        BASE64_STANDARD.encode(serde_json::to_vec(&wire).unwrap_or_default())
    }
}

impl fmt::Debug for TunnelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelToken")
            .field("tunnel", &self.tunnel)
            .finish_non_exhaustive()
    }
}

fn read_secret(text: &str) -> Result<TunnelSecret, TokenError> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| TokenError::BadSecret)?;
    TunnelSecret::new(bytes).map_err(|_| TokenError::BadSecret)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_tunnel() -> impl Strategy<Value = (TunnelKey, TunnelSecret)> {
        (
            "[0-9a-f]{32}",
            any::<[u8; 16]>(),
            proptest::collection::vec(any::<u8>(), 32..64),
        )
            .prop_map(|(account, tunnel, secret)| {
                let key = TunnelKey {
                    account: account.parse().unwrap(),
                    tunnel: TunnelId::from_slice(&tunnel).unwrap(),
                };
                (key, TunnelSecret::new(secret).unwrap())
            })
    }

    fn token_of(json: &str) -> String {
        BASE64_STANDARD.encode(json)
    }

    const GOOD: &str = r#"{"a":"699d98642c564d2e855e9661899b7252","t":"c1744f8b-faa1-48a4-9e5c-02ac921467fa","s":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","e":"x"}"#;

    #[test]
    fn a_token_is_read_as_an_operator_pastes_it() {
        let text = token_of(GOOD);
        let wrapped = format!("  {}\r\n{}\n", &text[..76], &text[76..]);
        let token = TunnelToken::parse(&wrapped).unwrap();
        assert_eq!(
            token.tunnel.account.to_string(),
            "699d98642c564d2e855e9661899b7252"
        );
        assert_eq!(
            token.tunnel.tunnel.to_string(),
            "c1744f8b-faa1-48a4-9e5c-02ac921467fa"
        );
        assert_eq!(token.secret.expose(), (0..32).collect::<Vec<u8>>());
    }

    #[test]
    fn a_token_is_written_in_the_order_that_cloudflared_prints() {
        let token = TunnelToken::parse(&token_of(GOOD)).unwrap();
        let json = BASE64_STANDARD.decode(token.encode()).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"a":"699d98642c564d2e855e9661899b7252","s":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","t":"c1744f8b-faa1-48a4-9e5c-02ac921467fa"}"#
        );
    }

    #[test]
    fn a_bad_token_says_which_layer_failed() {
        let cases = [
            ("", TokenError::WrongShape),
            ("no base64!", TokenError::NotBase64),
            (&token_of(GOOD).replace('=', ""), TokenError::NotBase64),
            (&token_of("[]"), TokenError::WrongShape),
            (&token_of(&GOOD.replace("699d", "69")), TokenError::WrongShape),
            (
                &token_of(&GOOD.replace("c1744f8b", "c1744f8")),
                TokenError::WrongShape,
            ),
            (&token_of(&GOOD.replace("AAECAwQF", "")), TokenError::BadSecret),
            (&token_of(&GOOD.replace("AAEC", "AAE*")), TokenError::BadSecret),
        ];
        for (text, error) in cases {
            assert_eq!(TunnelToken::parse(text).unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_undoes_encoding((tunnel, secret) in any_tunnel()) {
            let token = TunnelToken::parse(&TunnelToken { tunnel, secret: secret.clone() }.encode()).unwrap();
            prop_assert_eq!(token.tunnel, tunnel);
            prop_assert_eq!(token.secret.expose(), secret.expose());
        }

        #[test]
        fn a_secret_is_never_printed((tunnel, secret) in any_tunnel()) {
            let shown = format!("{:?}", TunnelToken { tunnel, secret: secret.clone() });
            prop_assert!(!shown.contains(&BASE64_STANDARD.encode(secret.expose())));
            prop_assert!(!shown.contains("secret"));
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = TunnelToken::parse(&text);
            let _ = TunnelToken::parse(&BASE64_STANDARD.encode(text));
        }
    }
}
