//! Whether a text is a management token that opens something now.

use std::time::Duration;

use adit_model::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind};

use super::claims::{ISSUER, LIFETIME, ManagementClaims, ManagementResource, WireClaims, seconds};

/// The longest text that is looked at. Tokens have some 500 bytes.
const MAX_BYTES: usize = 4096;

/// How far ahead the clock of the node that signed may be.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Why a text opens nothing. Never quotes it, since it is or may be a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ManagementTokenError {
    /// Not a JSON web token under ES256 with the claims it must have.
    #[error("it is not a management token")]
    Malformed,
    /// Signed with a key that is not, or no longer, trusted.
    #[error("it was signed with a key that is not trusted")]
    UnknownKey,
    /// The signature is another text's.
    #[error("its signature is wrong")]
    BadSignature,
    /// Signed by someone else, or for a hosted special edition.
    #[error("its issuer is another one")]
    ForeignIssuer,
    /// It has ended.
    #[error("it has expired")]
    Expired,
    /// It begins in the future, ends before it begins, or lives longer than any token that Adit signs.
    #[error("its times make no sense")]
    BadTimes,
    /// It opens other things.
    #[error("it is not for this resource")]
    WrongResource,
}

/// A public key and how long it is trusted; for good, if `until` is `None`.
#[derive(Debug, Clone)]
pub(super) struct TrustedKey {
    pub(super) id: u32,
    pub(super) public: DecodingKey,
    pub(super) until: Option<Timestamp>,
}

/// Verifies management tokens. Holds no secret.
#[derive(Debug, Clone)]
pub struct ManagementVerifier {
    keys: Vec<TrustedKey>,
}

impl ManagementVerifier {
    pub(super) const fn new(keys: Vec<TrustedKey>) -> Self {
        Self { keys }
    }

    /// What a token says, if it is genuine, holds at `now` and opens `wanted`. Which tunnel that is for is among the
    /// claims; whether that tunnel still exists is for the caller to know.
    ///
    /// # Errors
    /// [`ManagementTokenError`] says what is wrong, for the log; strangers are told no more than that it is not good.
    pub fn verify(
        &self,
        token: &str,
        wanted: ManagementResource,
        now: Timestamp,
    ) -> Result<ManagementClaims, ManagementTokenError> {
        let claims = self.read(token, now)?;
        if !claims.allow(wanted) {
            return Err(ManagementTokenError::WrongResource);
        }
        Ok(claims)
    }

    /// What a token says, if it is genuine and holds at `now`, whatever it opens.
    ///
    /// # Errors
    /// As [`ManagementVerifier::verify`].
    pub fn read(&self, token: &str, now: Timestamp) -> Result<ManagementClaims, ManagementTokenError> {
        let (claims, not_before) = self.genuine(token, now)?;
        in_time(&claims, not_before, now)?;
        Ok(claims)
    }

    /// The claims, and from when on they hold if they say so: seconds since 1970.
    fn genuine(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(ManagementClaims, Option<u64>), ManagementTokenError> {
        if token.len() > MAX_BYTES {
            return Err(ManagementTokenError::Malformed);
        }
        let header = decode_header(token).map_err(|_| ManagementTokenError::Malformed)?;
        if header.alg != Algorithm::ES256 || header.crit.is_some() {
            return Err(ManagementTokenError::Malformed);
        }
        let id: Option<u32> = header.kid.and_then(|id| id.parse().ok());
        let key = self
            .keys
            .iter()
            .find(|key| Some(key.id) == id && key.until.is_none_or(|until| now < until))
            .ok_or(ManagementTokenError::UnknownKey)?;

        // Issuer and times are looked at below, with errors of their own and the caller's clock.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let wire: WireClaims = decode(token, &key.public, &validation)
            .map_err(|error| {
                if *error.kind() == ErrorKind::InvalidSignature {
                    ManagementTokenError::BadSignature
                } else {
                    ManagementTokenError::Malformed
                }
            })?
            .claims;
        if wire.iss != ISSUER {
            return Err(ManagementTokenError::ForeignIssuer);
        }
        let not_before = wire.nbf;
        let claims = wire.read().ok_or(ManagementTokenError::Malformed)?;
        Ok((claims, not_before))
    }
}

fn in_time(
    claims: &ManagementClaims,
    not_before: Option<u64>,
    now: Timestamp,
) -> Result<(), ManagementTokenError> {
    let (now, issued, expires) = (
        seconds(now),
        seconds(claims.issued_at),
        seconds(claims.expires_at),
    );
    let lifetime = expires
        .checked_sub(issued)
        .ok_or(ManagementTokenError::BadTimes)?;
    let begins = not_before.map_or(issued, |not_before| issued.max(not_before));
    if begins > now.saturating_add(CLOCK_SKEW.as_secs()) || lifetime > LIFETIME.as_secs() {
        Err(ManagementTokenError::BadTimes)
    } else if now >= expires {
        Err(ManagementTokenError::Expired)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
