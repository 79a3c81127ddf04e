//! Ids are types, so that two of them cannot change places in a call.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a hyphenated UUID.
    #[error("not a UUID")]
    NotUuid,
    /// Not 32 hexadecimal digits.
    #[error("not 32 hexadecimal digits")]
    NotHex,
    /// A connection index above 255.
    #[error("not a connection index (0 to 255)")]
    NotIndex,
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random id (UUID version 4).
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// Wraps a UUID that is known to name one of these.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Reads the 16 bytes that travel in RPC messages.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }

            /// The bare UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The 16 bytes, as they travel in RPC messages.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Accepts the hyphenated form only, as the v4 API does.
            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.len() != 36 {
                    return Err(IdError::NotUuid);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| IdError::NotUuid)
            }
        }
    )*};
}

uuid_ids! {
    /// A tunnel. Unique within its account only: below the border use [`TunnelKey`].
    TunnelId,
    /// One running connector process. The v4 API calls it `client_id`.
    ConnectorId,
    /// One registered connection of a connector.
    ConnectionId,
    /// One UDP flow through a connection; made by the edge.
    SessionId,
    /// One edge of a cluster; stays the same across restarts.
    NodeId,
    /// One run of an edge; new at each start.
    BootId,
    /// A virtual network: an address space of its own. Unique within its account only.
    VirtualNetworkId,
    /// A route of an IP network to a tunnel. Unique within its account only.
    RouteId,
    /// A route of a private host name to a tunnel. Unique within its account only.
    HostnameRouteId,
    /// A range that an account's mesh takes addresses from. Unique within its account only.
    SubnetId,
    /// A WireGuard client that joined an account's mesh. Unique within its account only.
    DeviceId,
}

macro_rules! hex_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new random id.
            #[must_use]
            pub fn random() -> Self {
                Self(*Uuid::new_v4().as_bytes())
            }

            /// The id whose digits write these 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes that the digits write.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for byte in self.0 {
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; 16];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError::NotHex)?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

hex_ids! {
    /// An account's tag: 32 lower-case hexadecimal digits (what the v4 API calls `account_id`).
    AccountId,
    /// A zone: 32 lower-case hexadecimal digits.
    ZoneId,
    /// A DNS record: 32 lower-case hexadecimal digits.
    RecordId,
    /// An API token (not its value): 32 lower-case hexadecimal digits.
    ApiTokenId,
    /// A policy of an API token: 32 lower-case hexadecimal digits.
    PolicyId,
    /// A load balancer of a zone: 32 lower-case hexadecimal digits.
    LoadBalancerId,
    /// A pool of an account's tunnels: 32 lower-case hexadecimal digits.
    PoolId,
    /// A user: 32 lower-case hexadecimal digits.
    UserId,
}

/// A tunnel everywhere below the border. The same tunnel id may exist in two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelKey {
    /// The account that owns the tunnel.
    pub account: AccountId,
    /// The tunnel's id within that account.
    pub tunnel: TunnelId,
}

/// The number of a connection within its connector: 0 to 255, stays with its slot across reconnects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionIndex(pub u8);

impl fmt::Display for ConnectionIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ConnectionIndex {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self).map_err(|_| IdError::NotIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_keeps_its_digits_and_becomes_lower_case() {
        let id: AccountId = "699D98642c564d2e855e9661899b7252".parse().unwrap();
        assert_eq!(id.to_string(), "699d98642c564d2e855e9661899b7252");
        assert_eq!("699d".parse::<AccountId>(), Err(IdError::NotHex));
    }

    #[test]
    fn a_tunnel_id_must_be_hyphenated() {
        assert!("c1744f8b-faa1-48a4-9e5c-02ac921467fa".parse::<TunnelId>().is_ok());
        assert_eq!(
            "c1744f8bfaa148a49e5c02ac921467fa".parse::<TunnelId>(),
            Err(IdError::NotUuid)
        );
    }
}
