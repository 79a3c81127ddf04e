//! The keys that members of a mesh are known by.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key: 32 bytes in base64, 44 characters, are one")]
pub struct PeerKeyError;

macro_rules! public_keys {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The key of these 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE64_STANDARD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = PeerKeyError;

            fn from_str(text: &str) -> Result<Self, PeerKeyError> {
                let bytes = BASE64_STANDARD.decode(text).map_err(|_| PeerKeyError)?;
                bytes.try_into().map(Self).map_err(|_| PeerKeyError)
            }
        }
    )*};
}

public_keys! {
    /// The WireGuard public key (X25519) of a replica, a device or the hub.
    PeerKey,
    /// The public key (Ed25519) that a replica proves itself with after it has enrolled.
    IdentityKey,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_read_as_it_is_written(bytes: [u8; 32]) {
            let key = PeerKey::from_bytes(bytes);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn no_other_text_is_a_key(text in ".{0,60}") {
            if let Ok(key) = text.parse::<PeerKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }
}
