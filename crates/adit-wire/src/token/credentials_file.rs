//! The credentials file: a tunnel's token as a JSON file.

use std::fmt;

use adit_model::{AccountId, TunnelId, TunnelKey, TunnelSecret};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize, Serializer};

use super::{TokenError, TunnelToken, read_secret};

/// What `<tunnel id>.json` beside the origin certificate holds, and the API's `credentials_file` object.
///
/// Serialises to the object. With a name it is the API's (`TunnelName`), without one the file's (`Endpoint`).
/// Source: cloudflare/cloudflared: connection/connection.go (`Credentials`).
#[derive(Clone)]
pub struct CredentialsFile {
    /// The tunnel.
    pub tunnel: TunnelKey,
    /// What the connector proves itself with.
    pub secret: TunnelSecret,
    /// The tunnel's name, which only the API adds.
    pub name: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireCredentials {
    account_tag: AccountId,
    tunnel_secret: String,
    // Files of the first versions have none.
    #[serde(rename = "TunnelID", default)]
    tunnel_id: Option<TunnelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tunnel_name: Option<String>,
    // Empty except for hosts of the vendor that no one else can serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
}

impl CredentialsFile {
    /// Reads the text of a file. Fields it does not know are ignored.
    ///
    /// # Errors
    /// [`TokenError::WrongShape`] or [`TokenError::BadSecret`].
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        WireCredentials::read(text)?.of(None)
    }

    /// Reads the text of that tunnel's file, which may name another one, or none as those of the first versions.
    ///
    /// # Errors
    /// As [`CredentialsFile::parse`].
    pub fn parse_of(text: &str, tunnel: TunnelId) -> Result<Self, TokenError> {
        WireCredentials::read(text)?.of(Some(tunnel))
    }

    /// The text of a file. A credential: write it readable by its owner only.
    #[must_use]
    pub fn encode(&self) -> String {
        // Strings always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl WireCredentials {
    fn read(text: &str) -> Result<Self, TokenError> {
        serde_json::from_str(text).map_err(|_| TokenError::WrongShape)
    }

    /// The credentials of a tunnel, or of the one that they name.
    fn of(self, tunnel: Option<TunnelId>) -> Result<CredentialsFile, TokenError> {
        let tunnel = tunnel.or(self.tunnel_id).ok_or(TokenError::WrongShape)?;
        Ok(CredentialsFile {
            tunnel: TunnelKey {
                account: self.account_tag,
                tunnel,
            },
            secret: read_secret(&self.tunnel_secret)?,
            name: self.tunnel_name.filter(|name| !name.is_empty()),
        })
    }
}

impl Serialize for CredentialsFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WireCredentials {
            account_tag: self.tunnel.account,
            tunnel_secret: BASE64_STANDARD.encode(self.secret.expose()),
            tunnel_id: Some(self.tunnel.tunnel),
            tunnel_name: self.name.clone(),
            endpoint: self.name.is_none().then(String::new),
        }
        .serialize(serializer)
    }
}

impl From<TunnelToken> for CredentialsFile {
    fn from(token: TunnelToken) -> Self {
        Self {
            tunnel: token.tunnel,
            secret: token.secret,
            name: None,
        }
    }
}

impl From<CredentialsFile> for TunnelToken {
    fn from(file: CredentialsFile) -> Self {
        Self {
            tunnel: file.tunnel,
            secret: file.secret,
        }
    }
}

impl fmt::Debug for CredentialsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsFile")
            .field("tunnel", &self.tunnel)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::token::tests::any_tunnel;

    const FILE: &str = r#"{"AccountTag":"699d98642c564d2e855e9661899b7252","TunnelSecret":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","TunnelID":"c1744f8b-faa1-48a4-9e5c-02ac921467fa","Endpoint":""}"#;

    #[test]
    fn a_file_is_written_as_it_was_read() {
        assert_eq!(CredentialsFile::parse(FILE).unwrap().encode(), FILE);
    }

    #[test]
    fn a_bad_file_says_which_layer_failed() {
        let cases = [
            ("", TokenError::WrongShape),
            ("{}", TokenError::WrongShape),
            (&FILE.replace("AAEC", ""), TokenError::BadSecret),
            (&FILE.replace("c1744f8b-", ""), TokenError::WrongShape),
        ];
        for (text, error) in cases {
            assert_eq!(CredentialsFile::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn a_file_that_names_no_tunnel_is_of_whichever_is_meant() {
        let meant: TunnelId = "d1744f8b-faa1-48a4-9e5c-02ac921467fb".parse().unwrap();
        let old = FILE.replace(r#""TunnelID":"c1744f8b-faa1-48a4-9e5c-02ac921467fa","#, "");
        assert_eq!(CredentialsFile::parse(&old).unwrap_err(), TokenError::WrongShape);
        for text in [&old, FILE] {
            let file = CredentialsFile::parse_of(text, meant).unwrap();
            assert_eq!(file.tunnel.tunnel, meant);
            assert_eq!(file.secret.expose().len(), 32);
        }
    }

    proptest! {
        #[test]
        fn parsing_undoes_encoding((tunnel, secret) in any_tunnel(), name in proptest::option::of(".{1,20}")) {
            let file = CredentialsFile { tunnel, secret: secret.clone(), name: name.clone() };
            let read = CredentialsFile::parse(&file.encode()).unwrap();
            prop_assert_eq!(read.tunnel, tunnel);
            prop_assert_eq!(read.secret.expose(), secret.expose());
            prop_assert_eq!(read.name, name);
            let shown = format!("{file:?}");
            prop_assert!(!shown.contains(&BASE64_STANDARD.encode(secret.expose())));
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = CredentialsFile::parse(&text);
        }
    }
}
