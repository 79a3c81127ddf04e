//! The origin certificate: what a login leaves behind for later commands.

use std::fmt;

use adit_model::{AccountId, ZoneId};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use super::TokenError;
use crate::pem;

const TOKEN_BLOCK: &str = "ARGO TUNNEL TOKEN";
/// Blocks of older logins, which nobody reads any more.
const IGNORED_BLOCKS: [&str; 2] = ["PRIVATE KEY", "CERTIFICATE"];

/// What `cert.pem` holds: the account and zone that were chosen at login, and an API token for them.
///
/// PEM whose block `ARGO TUNNEL TOKEN` holds a JSON object.
/// Source: cloudflare/cloudflared: credentials/origin_cert.go.
#[derive(Clone, PartialEq, Eq)]
pub struct OriginCertificate {
    /// Where `route dns` puts records.
    pub zone: ZoneId,
    /// Whose tunnels these are.
    pub account: AccountId,
    /// The value of an API token; never empty.
    pub api_token: String,
}

#[derive(Serialize, Deserialize)]
struct WireCertificate {
    #[serde(rename = "zoneID", default)]
    zone_id: String,
    #[serde(rename = "accountID", default)]
    account_id: String,
    #[serde(rename = "apiToken", default)]
    api_token: String,
}

impl OriginCertificate {
    /// Reads the text of a `cert.pem`. Text outside of blocks and unknown JSON fields are ignored.
    ///
    /// # Errors
    /// Says which layer failed; [`TokenError::MissingToken`] calls for a new login.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let mut token = None;
        for block in pem::blocks(text) {
            let (label, body) = block.map_err(|_| TokenError::BrokenPem)?;
            if label == TOKEN_BLOCK {
                if token.replace(body).is_some() {
                    return Err(TokenError::TwoTokens);
                }
            } else if !IGNORED_BLOCKS.contains(&label) {
                return Err(TokenError::UnknownBlock);
            }
        }
        let json = BASE64_STANDARD
            .decode(token.ok_or(TokenError::MissingToken)?)
            .map_err(|_| TokenError::NotBase64)?;
        let wire: WireCertificate = serde_json::from_slice(&json).map_err(|_| TokenError::WrongShape)?;
        if wire.zone_id.is_empty() || wire.account_id.is_empty() || wire.api_token.is_empty() {
            return Err(TokenError::MissingToken);
        }
        Ok(Self {
            zone: wire.zone_id.parse().map_err(|_| TokenError::WrongShape)?,
            account: wire.account_id.parse().map_err(|_| TokenError::WrongShape)?,
            api_token: wire.api_token,
        })
    }

    /// The text of a `cert.pem`. A credential: write it readable by its owner only.
    #[must_use]
    pub fn encode(&self) -> String {
        let wire = WireCertificate {
            zone_id: self.zone.to_string(),
            account_id: self.account.to_string(),
            api_token: self.api_token.clone(),
        };
        // Three strings always serialise.
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        pem::encode(TOKEN_BLOCK, &body)
    }
}

impl fmt::Debug for OriginCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginCertificate")
            .field("zone", &self.zone)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn certificate() -> OriginCertificate {
        OriginCertificate {
            zone: "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap(),
            account: "699d98642c564d2e855e9661899b7252".parse().unwrap(),
            api_token: "abcdefghijklmnopqrstuvwxyz0123456789_-AB".to_owned(),
        }
    }

    fn block(label: &str, bytes: &str) -> String {
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            BASE64_STANDARD.encode(bytes)
        )
    }

    #[test]
    fn keys_and_certificates_of_older_logins_are_ignored() {
        let text = format!(
            "a remark\r\n{}{}{}",
            block("PRIVATE KEY", "k"),
            block("CERTIFICATE", "c"),
            certificate().encode().replace('\n', "\r\n")
        );
        assert_eq!(OriginCertificate::parse(&text).unwrap(), certificate());
    }

    #[test]
    fn lines_are_as_long_as_pem_has_them() {
        let text = certificate().encode();
        assert!(text.lines().all(|line| line.len() <= 64));
        assert!(text.ends_with("-----END ARGO TUNNEL TOKEN-----\n"));
    }

    #[test]
    fn a_bad_certificate_says_which_layer_failed() {
        let good = certificate().encode();
        let token = |json: &str| block(TOKEN_BLOCK, json);
        let cases = [
            (String::new(), TokenError::MissingToken),
            (block("CERTIFICATE", "c"), TokenError::MissingToken),
            (block("RSA PRIVATE KEY", "k"), TokenError::UnknownBlock),
            (format!("{good}{good}"), TokenError::TwoTokens),
            (good.replace("END ARGO", "END"), TokenError::BrokenPem),
            (good.lines().take(2).collect(), TokenError::MissingToken),
            (
                good.lines().take(2).map(|l| format!("{l}\n")).collect(),
                TokenError::BrokenPem,
            ),
            (good.replace('\n', "\n!"), TokenError::BrokenPem),
            (good.replacen("-----\n", "-----\n*", 1), TokenError::NotBase64),
            (token("7"), TokenError::WrongShape),
            (token("{}"), TokenError::MissingToken),
            (
                token(r#"{"zoneID":"z","accountID":"a","apiToken":""}"#),
                TokenError::MissingToken,
            ),
            (
                token(r#"{"zoneID":"z","accountID":"a","apiToken":"t"}"#),
                TokenError::WrongShape,
            ),
        ];
        for (text, error) in cases {
            assert_eq!(OriginCertificate::parse(&text).unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_undoes_encoding(zone in "[0-9a-f]{32}", account in "[0-9a-f]{32}", api_token in "[!-~]{1,80}") {
            let certificate = OriginCertificate {
                zone: zone.parse().unwrap(),
                account: account.parse().unwrap(),
                api_token: format!("secret{api_token}"),
            };
            prop_assert_eq!(&OriginCertificate::parse(&certificate.encode()).unwrap(), &certificate);
            let shown = format!("{certificate:?}");
            prop_assert!(!shown.contains("secret"));
        }

        #[test]
        fn no_text_panics(text in "(-----(BEGIN|END) (CERTIFICATE|ARGO TUNNEL TOKEN)-----|[^-]{0,20}|\n){0,12}") {
            let _ = OriginCertificate::parse(&text);
        }
    }
}
