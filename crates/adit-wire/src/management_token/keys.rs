//! The keys of management tokens, as files and in memory.

use std::fmt;

use adit_model::Timestamp;
use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};

use super::{
    claims::{ManagementClaims, WireClaims},
    verify::{ManagementVerifier, TrustedKey},
};
use crate::pem;

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
/// The key's number stands before the block, where PEM allows any text. A file without it holds key 1.
const KEY_ID: &str = "Key-Id:";
const TRUSTED_UNTIL: &str = "Trusted-Until:";

/// Why a text is not a key file. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Not one PEM block of the kind that belongs here.
    #[error("it does not hold one PEM block of the kind that belongs here")]
    NotPem,
    /// The block holds no ECDSA key on P-256.
    #[error("its PEM block is no ECDSA key on P-256")]
    NotAKey,
    /// The number or the time before the block is missing or malformed.
    #[error("the lines before its PEM block do not say which key it is")]
    BadHeading,
    /// The system gave no randomness for a new key.
    #[error("a key could not be made")]
    NoRandomness,
}

/// A private key: signs management tokens. Wiped when dropped.
#[derive(Clone)]
pub struct ManagementKey {
    id: u32,
    private: EncodingKey,
    /// The point, uncompressed.
    public: Vec<u8>,
    /// The same, as X.509 has it.
    public_der: Vec<u8>,
}

impl ManagementKey {
    /// A new key with this number, and the text of its file: PKCS#8 in PEM. A secret: write it readable by its owner only.
    ///
    /// # Errors
    /// [`KeyFileError::NoRandomness`]
    pub fn generate(id: u32) -> Result<(Self, String), KeyFileError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| KeyFileError::NoRandomness)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| KeyFileError::NoRandomness)?;
        let text = format!("{KEY_ID} {id}\n{}", pem::encode(PRIVATE, pkcs8.as_ref()));
        Ok((Self::of(id, &pair, pkcs8.as_ref())?, text))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let id = match heading(text, KEY_ID) {
            Some(number) => number.parse().map_err(|_| KeyFileError::BadHeading)?,
            None => 1,
        };
        let pkcs8 = pem::decode(PRIVATE, text).ok_or(KeyFileError::NotPem)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8)
            .map_err(|_| KeyFileError::NotAKey)?;
        Self::of(id, &pair, &pkcs8)
    }

    fn of(id: u32, pair: &EcdsaKeyPair, pkcs8: &[u8]) -> Result<Self, KeyFileError> {
        let public = pair.public_key();
        let public_der = AsDer::<PublicKeyX509Der<'_>>::as_der(public).map_err(|_| KeyFileError::NotAKey)?;
        Ok(Self {
            id,
            private: EncodingKey::from_ec_der(pkcs8),
            public: public.as_ref().to_vec(),
            public_der: public_der.as_ref().to_vec(),
        })
    }

    /// Its number, which the header of each token names as `kid`. The first key is 1.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The text of a file that keeps what is needed to verify its tokens, and no more. It has no end yet: whoever runs may
    /// sign with this key until it next reads its keys.
    #[must_use]
    pub fn retire(&self) -> String {
        format!("{KEY_ID} {}\n{}", self.id, pem::encode(PUBLIC, &self.public_der))
    }
}

impl fmt::Debug for ManagementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagementKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The public half of a key that signs no more. Its tokens are good until a fixed time.
#[derive(Debug, Clone)]
pub struct RetiredManagementKey {
    trusted: TrustedKey,
    trusted_until: Timestamp,
    /// As X.509 has it.
    public_der: Vec<u8>,
}

impl RetiredManagementKey {
    /// Reads what [`ManagementKey::retire`] or [`RetiredManagementKey::encode`] wrote. A key that has no end yet gets
    /// `until`: a token's [lifetime](super::LIFETIME) after it signed for the last time.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str, until: Timestamp) -> Result<Self, KeyFileError> {
        let id = heading(text, KEY_ID)
            .and_then(|number| number.parse().ok())
            .ok_or(KeyFileError::BadHeading)?;
        let trusted_until = match heading(text, TRUSTED_UNTIL) {
            Some(time) => Timestamp::parse(time).ok_or(KeyFileError::BadHeading)?,
            None => until,
        };
        let public_der = pem::decode(PUBLIC, text).ok_or(KeyFileError::NotPem)?;
        let public = DecodingKey::from_ec_pem(pem::encode(PUBLIC, &public_der).as_bytes())
            .map_err(|_| KeyFileError::NotAKey)?;
        Ok(Self {
            trusted: TrustedKey {
                id,
                public,
                until: Some(trusted_until),
            },
            trusted_until,
            public_der,
        })
    }

    /// The text of its file, with its end.
    #[must_use]
    pub fn encode(&self) -> String {
        format!(
            "{KEY_ID} {}\n{TRUSTED_UNTIL} {}\n{}",
            self.trusted.id,
            self.trusted_until,
            pem::encode(PUBLIC, &self.public_der)
        )
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.trusted.id
    }

    /// When its last token has expired.
    #[must_use]
    pub const fn trusted_until(&self) -> Timestamp {
        self.trusted_until
    }
}

/// Signs management tokens.
#[derive(Debug, Clone)]
pub struct ManagementKeys {
    signing: ManagementKey,
    retired: Vec<RetiredManagementKey>,
}

impl ManagementKeys {
    /// Signs with `signing`; verifiers trust `retired` too.
    #[must_use]
    pub fn new(signing: ManagementKey, retired: impl IntoIterator<Item = RetiredManagementKey>) -> Self {
        let retired = retired.into_iter().collect();
        Self { signing, retired }
    }

    /// The token that says so. A credential: show it only to the actor it names.
    ///
    /// # Errors
    /// [`KeyFileError::NotAKey`] if the key cannot sign.
    pub fn sign(&self, claims: &ManagementClaims) -> Result<String, KeyFileError> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.signing.id.to_string());
        encode(&header, &WireClaims::from(claims), &self.signing.private).map_err(|_| KeyFileError::NotAKey)
    }

    /// A token that says anything at all.
    #[cfg(test)]
    pub(super) fn sign_json(&self, claims: &serde_json::Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.signing.id.to_string());
        encode(&header, claims, &self.signing.private).unwrap()
    }

    /// What verifies these tokens, and can make none.
    #[must_use]
    pub fn verifier(&self) -> ManagementVerifier {
        let current = TrustedKey {
            id: self.signing.id,
            public: DecodingKey::from_ec_der(&self.signing.public),
            until: None,
        };
        let retired = self.retired.iter().map(|retired| retired.trusted.clone());
        ManagementVerifier::new(std::iter::once(current).chain(retired).collect())
    }
}

fn heading<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .take_while(|line| !line.starts_with("-----BEGIN "))
        .find_map(|line| line.strip_prefix(name))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_survives_its_file_and_knows_its_number() {
        let (key, text) = ManagementKey::generate(7).unwrap();
        let read = ManagementKey::parse(&text).unwrap();
        assert_eq!((read.id(), &read.public), (7, &key.public));

        let (_, bare) = text.split_once('\n').unwrap();
        assert_eq!(
            ManagementKey::parse(bare).unwrap().id(),
            1,
            "a file of another tool holds key 1"
        );
    }

    #[test]
    fn a_retired_key_has_no_private_half_and_gets_its_end_once() {
        let (key, text) = ManagementKey::generate(1).unwrap();
        let at = |time| Timestamp::parse(time).unwrap();
        let (first, second) = (at("2030-01-01T00:00:00Z"), at("2031-01-01T00:00:00Z"));
        let stamped = RetiredManagementKey::parse(&key.retire(), first)
            .unwrap()
            .encode();
        assert_eq!(
            stamped.lines().nth(1),
            Some("Trusted-Until: 2030-01-01T00:00:00.000000Z")
        );
        let again = RetiredManagementKey::parse(&stamped, second).unwrap();
        assert_eq!((again.id(), again.trusted_until()), (1, first));
        assert_eq!(again.encode(), stamped);
        assert_eq!(ManagementKey::parse(&stamped).unwrap_err(), KeyFileError::NotPem);
        assert_eq!(
            RetiredManagementKey::parse(&text, first).unwrap_err(),
            KeyFileError::NotPem
        );
        let bad = stamped.replace("2030", "soon");
        assert_eq!(
            RetiredManagementKey::parse(&bad, first).unwrap_err(),
            KeyFileError::BadHeading
        );
    }

    #[test]
    fn a_file_that_is_no_key_is_refused() {
        for (text, error) in [
            ("", KeyFileError::NotPem),
            (&pem::encode(PRIVATE, b"not a key"), KeyFileError::NotAKey),
            (
                &format!("Key-Id: x\n{}", pem::encode(PRIVATE, b"")),
                KeyFileError::BadHeading,
            ),
        ] {
            assert_eq!(ManagementKey::parse(text).unwrap_err(), error);
        }
    }

    #[test]
    fn keys_are_never_printed() {
        let (key, _) = ManagementKey::generate(1).unwrap();
        let shown = format!("{:?}", ManagementKeys::new(key, None));
        assert!(shown.contains("id: 1") && shown.len() < 100, "{shown}");
    }

    proptest! {
        #[test]
        fn no_file_panics(text: String, bytes: Vec<u8>) {
            let until = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
            let _ = (ManagementKey::parse(&text), RetiredManagementKey::parse(&text, until));
            let heading = "Key-Id: 1\nTrusted-Until: 2030-01-01T00:00:00Z\n";
            let _ = ManagementKey::parse(&pem::encode(PRIVATE, &bytes));
            let _ = RetiredManagementKey::parse(&format!("{heading}{}", pem::encode(PUBLIC, &bytes)), until);
        }
    }
}
