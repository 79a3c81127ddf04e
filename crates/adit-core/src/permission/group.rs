//! Permission groups: what can be granted.

/// What a permission group is granted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// An account and what it owns.
    Account,
    /// A zone.
    Zone,
    /// A user.
    User,
}

impl Scope {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "com.cloudflare.api.account",
            Self::Zone => "com.cloudflare.api.account.zone",
            Self::User => "com.cloudflare.api.user",
        }
    }
}

macro_rules! groups {
    ($($(#[$doc:meta])+ $group:ident = $name:literal, $id:literal, $scope:ident;)+) => {
        /// A kind of power that a policy of an API token grants. Names are the vendor's, ids are ours and fixed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PermissionGroup {
            $($(#[$doc])+ $group,)+
        }

        impl PermissionGroup {
            /// All of them, in the order in which they are listed.
            pub const ALL: &'static [Self] = &[$(Self::$group,)+];

            /// Its name in the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$group => $name,)+
                }
            }

            /// Its id in the API: 32 hexadecimal digits.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$group => $id,)+
                }
            }

            /// What it is granted on.
            #[must_use]
            pub const fn scope(self) -> Scope {
                match self {
                    $(Self::$group => Scope::$scope,)+
                }
            }
        }
    };
}

groups! {
    /// Tunnels of both types.
    ConnectorsWrite = "Cloudflare One Connectors Write", "ad170000000000000000000000000001", Account;
    /// Tunnels of both types.
    ConnectorsRead = "Cloudflare One Connectors Read", "ad170000000000000000000000000002", Account;
    /// Tunnels of type `cfd_tunnel`.
    CloudflaredWrite = "Cloudflare One Connector: cloudflared Write", "ad170000000000000000000000000003", Account;
    /// Tunnels of type `cfd_tunnel`.
    CloudflaredRead = "Cloudflare One Connector: cloudflared Read", "ad170000000000000000000000000004", Account;
    /// Tunnels of type `warp_connector`.
    WarpConnectorWrite = "Cloudflare One Connector: WARP Write", "ad170000000000000000000000000005", Account;
    /// Tunnels of type `warp_connector`.
    WarpConnectorRead = "Cloudflare One Connector: WARP Read", "ad170000000000000000000000000006", Account;
    /// Tunnels of type `cfd_tunnel`, and networks.
    TunnelWrite = "Cloudflare Tunnel Write", "ad170000000000000000000000000007", Account;
    /// Tunnels of type `cfd_tunnel`, and networks.
    TunnelRead = "Cloudflare Tunnel Read", "ad170000000000000000000000000008", Account;
    /// Routes, virtual networks and subnets.
    NetworksWrite = "Cloudflare One Networks Write", "ad170000000000000000000000000009", Account;
    /// Routes, virtual networks and subnets.
    NetworksRead = "Cloudflare One Networks Read", "ad17000000000000000000000000000a", Account;
    /// The account itself.
    AccountSettingsWrite = "Account Settings Write", "ad17000000000000000000000000000b", Account;
    /// The account itself.
    AccountSettingsRead = "Account Settings Read", "ad17000000000000000000000000000c", Account;
    /// API tokens that belong to an account.
    AccountApiTokensWrite = "Account API Tokens Write", "ad17000000000000000000000000000d", Account;
    /// API tokens that belong to an account.
    AccountApiTokensRead = "Account API Tokens Read", "ad17000000000000000000000000000e", Account;
    /// Zones themselves.
    ZoneWrite = "Zone Write", "ad17000000000000000000000000000f", Zone;
    /// Zones themselves.
    ZoneRead = "Zone Read", "ad170000000000000000000000000010", Zone;
    /// Records of zones.
    DnsWrite = "DNS Write", "ad170000000000000000000000000011", Zone;
    /// Records of zones.
    DnsRead = "DNS Read", "ad170000000000000000000000000012", Zone;
    /// API tokens that belong to a user.
    ApiTokensWrite = "API Tokens Write", "ad170000000000000000000000000013", User;
    /// API tokens that belong to a user.
    ApiTokensRead = "API Tokens Read", "ad170000000000000000000000000014", User;
}

impl PermissionGroup {
    /// The group with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|group| group.name() == name)
    }

    /// The group with this id.
    #[must_use]
    pub fn with_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|group| group.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_ids_are_distinct_and_lead_back() {
        let ids: BTreeSet<_> = PermissionGroup::ALL.iter().map(|group| group.id()).collect();
        assert_eq!(ids.len(), PermissionGroup::ALL.len());
        for &group in PermissionGroup::ALL {
            assert_eq!(PermissionGroup::named(group.name()), Some(group));
            assert_eq!(PermissionGroup::with_id(group.id()), Some(group));
            assert_eq!(group.id().len(), 32);
        }
    }
}
