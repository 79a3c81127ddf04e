//! Why packets and datagrams go nowhere.

use adit_core::mesh::forwarding::Denial;

use crate::noise::Rejected;

/// Why something was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// A datagram was not taken for a peer's, or was not authentic.
    Rejected(Rejected),
    /// The key or session that it names is nobody's; a revoked member's too.
    Stranger,
    /// Nothing that a router forwards: cut short, checksum wrong, choosing its own way.
    Malformed,
    /// From or to an address that is meant for one link, a group or one machine only.
    Address,
    /// The table refused it.
    Denied(Denial),
    /// It had no more hops.
    HopsUsedUp,
    /// It is larger than the path to its destination carries, and may not be divided.
    TooBig,
    /// There is no session with the member that it was for.
    NoSession,
    /// Too many wait already for what connectors reach, or nothing carries them there.
    ProxyFull,
}

/// What counts as the same trouble: a label of counters, and a line in the log once a minute.
macro_rules! reasons {
    ($($pattern:pat => $at:literal $name:literal,)*) => {
        impl Dropped {
            /// The names of all reasons.
            pub const REASONS: &'static [&'static str] = &[$($name),*];

            /// Its place in [`Dropped::REASONS`].
            #[must_use]
            pub const fn at(self) -> usize {
                match self { $($pattern => $at,)* }
            }
        }
    };
}

reasons! {
    Self::Rejected(Rejected::Malformed) => 0 "not_wireguard",
    Self::Rejected(Rejected::ForeignKey) => 1 "foreign_key",
    Self::Rejected(Rejected::Flood) => 2 "handshake_flood",
    Self::Rejected(Rejected::NoSession) | Self::Stranger => 3 "stranger",
    Self::Rejected(Rejected::Replay) => 4 "replay",
    Self::Rejected(Rejected::Forged) => 5 "forged",
    Self::Rejected(Rejected::NotIp) | Self::Malformed => 6 "malformed",
    Self::Address => 7 "address",
    Self::Denied(Denial::ForeignSource) => 8 "foreign_source",
    Self::Denied(Denial::NoRoute) => 9 "no_route",
    Self::Denied(Denial::NoCarrier) => 10 "no_carrier",
    Self::Denied(Denial::Sender) => 11 "back_to_sender",
    Self::ProxyFull => 12 "proxy_full",
    Self::HopsUsedUp => 13 "hops_used_up",
    Self::TooBig => 14 "too_big",
    Self::NoSession => 15 "no_session",
}

impl Dropped {
    /// Its name, as in [`Dropped::REASONS`].
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::REASONS.get(self.at()).copied().unwrap_or("other")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let mut names = Dropped::REASONS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Dropped::REASONS.len());
        assert_eq!(Dropped::NoSession.name(), "no_session");
        assert_eq!(Dropped::Stranger.name(), "stranger");
        assert_eq!(Dropped::Denied(Denial::Sender).name(), "back_to_sender");
    }
}
