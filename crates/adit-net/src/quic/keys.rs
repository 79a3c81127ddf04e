//! The two keys that let a restarted edge tell its former peers that it restarted.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use quinn::EndpointConfig;
use quinn_proto::HashedConnectionIdGenerator;
use zeroize::Zeroizing;

/// Stateless-reset key and connection-id key.
///
/// An edge that comes back with the same keys answers a packet of a connection it no longer knows with a stateless
/// reset that the peer believes, so the peer redials within its ping interval instead of its idle timeout.
#[derive(Clone)]
pub struct QuicKeys(Zeroizing<[u8; QuicKeys::LEN]>);

/// The persisted bytes do not hold keys.
#[derive(Debug, thiserror::Error)]
#[error("QUIC keys are {expected} bytes, not {found}", expected = QuicKeys::LEN)]
pub struct QuicKeysError {
    found: usize,
}

impl QuicKeys {
    /// Bytes of the persisted form: 64 of the reset key, then 8 of the connection-id key.
    pub const LEN: usize = 72;
    const RESET_LEN: usize = 64;

    /// New random keys.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn generate() -> std::io::Result<Self> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice())
            .map_err(|_unspecified| std::io::Error::other("no randomness from the operating system"))?;
        Ok(Self(bytes))
    }

    /// Reads what [`QuicKeys::to_bytes`] wrote.
    ///
    /// # Errors
    /// If the length is not [`QuicKeys::LEN`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, QuicKeysError> {
        <[u8; Self::LEN]>::try_from(bytes)
            .map(|bytes| Self(Zeroizing::new(bytes)))
            .map_err(|_wrong_length| QuicKeysError { found: bytes.len() })
    }

    /// The form to persist, readable by the owner alone.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; Self::LEN]> {
        self.0.clone()
    }

    /// An endpoint whose connection ids and reset tokens come from these keys.
    pub(super) fn endpoint_config(&self) -> EndpointConfig {
        let (reset, id) = self.0.split_at(Self::RESET_LEN);
        let id = id.iter().fold(0_u64, |key, byte| key << 8 | u64::from(*byte));
        let mut config = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, reset)));
        config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(id)));
        config
    }
}

impl fmt::Debug for QuicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuicKeys([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persisted_keys_read_back() {
        let keys = QuicKeys::generate().unwrap();
        let again = QuicKeys::from_bytes(keys.to_bytes().as_slice()).unwrap();
        assert_eq!(keys.to_bytes(), again.to_bytes());
    }

    #[test]
    fn bytes_of_another_length_are_refused_and_never_shown() {
        let error = QuicKeys::from_bytes(&[7; 71]).unwrap_err();
        assert_eq!(error.to_string(), "QUIC keys are 72 bytes, not 71");
        assert_eq!(
            format!("{:?}", QuicKeys::generate().unwrap()),
            "QuicKeys([redacted])"
        );
    }
}
