//! What lies on either side of a site's replicas.

use std::collections::BTreeSet;

use adit_model::{ConnectorId, RouteId, TunnelKey, TunnelKind};

use super::Members;
use crate::{
    networks::Network,
    port::{LinkedReplica, PrivateRoute},
};

/// Networks on both sides of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteReach {
    /// Its own, in order.
    pub local: Vec<Network>,
    /// Those of other sites, and behind connectors of `cfd_tunnel`s, in the virtual networks that it is in, in order. Not
    /// those that are its own too, nor everything (`0.0.0.0/0`, `::/0`) behind a connector: that is an exit for users who
    /// choose it, and a site's whole traffic would leave by it.
    pub remote: Vec<Network>,
}

impl Members {
    /// The networks of a live site and of all live tunnels that it reaches: in the virtual networks that it has routes in,
    /// and in the account's default one.
    #[must_use]
    pub fn reach_of(&self, site: TunnelKey) -> SiteReach {
        if !self.is_site(site) {
            return SiteReach::default();
        }
        let own = |route: &&PrivateRoute| route.tunnel == site.tunnel;
        let mut spaces: BTreeSet<_> = self
            .routes_of(site)
            .filter(own)
            .map(|route| route.virtual_network)
            .collect();
        spaces.extend(self.defaults.get(&site.account));
        let (mut local, mut remote) = (BTreeSet::new(), BTreeSet::new());
        for route in self.routes_of(site) {
            let to = TunnelKey {
                tunnel: route.tunnel,
                ..site
            };
            if to == site {
                local.insert(route.network);
            } else if spaces.contains(&route.virtual_network)
                && (self.is_site(to) || self.is_partial(to, route))
            {
                remote.insert(route.network);
            }
        }
        SiteReach {
            remote: remote.difference(&local).copied().collect(),
            local: local.into_iter().collect(),
        }
    }

    /// A replica that is linked to a site, which may have been deleted.
    #[must_use]
    pub fn replica(&self, site: TunnelKey, replica: ConnectorId) -> Option<&LinkedReplica> {
        self.replicas.get(&(site, replica))
    }

    /// Every linked replica.
    pub fn replicas(&self) -> impl Iterator<Item = (TunnelKey, ConnectorId, &LinkedReplica)> {
        self.replicas
            .iter()
            .map(|((site, replica), linked)| (*site, *replica, linked))
    }

    fn is_site(&self, tunnel: TunnelKey) -> bool {
        self.tunnels.get(&tunnel) == Some(&TunnelKind::WarpConnector)
    }

    /// Whether the route leads to connectors, and not with everything.
    fn is_partial(&self, to: TunnelKey, route: &PrivateRoute) -> bool {
        self.tunnels.contains_key(&to) && route.network.length() > 0
    }

    /// The routes of the site's account.
    fn routes_of(&self, site: TunnelKey) -> impl Iterator<Item = &PrivateRoute> {
        let first = RouteId::from_slice(&[0; 16]).map(|first| (site.account, first));
        first
            .into_iter()
            .flat_map(|first| self.routes.range(first..))
            .take_while(move |((account, _), _)| *account == site.account)
            .map(|(_, route)| route)
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{AccountId, ConfigSource, ConfigVersion, SecretDigest, TunnelId, VirtualNetworkId};

    use super::*;
    use crate::port::{Change, NamedNetwork, PrivateChange, TunnelEntry};

    const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

    fn site(number: u8, account: AccountId) -> TunnelKey {
        TunnelKey {
            account,
            tunnel: TunnelId::from_slice(&[number; 16]).unwrap(),
        }
    }

    fn space(number: u8) -> VirtualNetworkId {
        VirtualNetworkId::from_slice(&[number; 16]).unwrap()
    }

    fn route(members: &mut Members, to: TunnelKey, virtual_network: u8, network: &str) {
        let route = PrivateRoute {
            network: network.parse().unwrap(),
            virtual_network: space(virtual_network),
            tunnel: to.tunnel,
        };
        members.apply(&Change::Private(PrivateChange::Route(
            to.account,
            RouteId::random(),
            Some(route),
        )));
    }

    fn tunnel(members: &mut Members, tunnel: TunnelKey, kind: TunnelKind) {
        let entry = TunnelEntry {
            kind,
            deleted: false,
            config_source: ConfigSource::Cloudflare,
            config_version: ConfigVersion::default(),
            secret: SecretDigest::of(b""),
        };
        members.apply(&Change::Tunnel(tunnel, Some(entry)));
    }

    fn texts(networks: &[Network]) -> Vec<String> {
        networks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_site_is_told_of_all_tunnels_in_its_virtual_networks_and_of_nothing_else() {
        let mut members = Members::default();
        let [berlin, lisbon, oslo, web] = [1, 2, 3, 4].map(|number| site(number, ACCOUNT));
        let stranger = site(2, AccountId::from_bytes([2; 16]));
        for site in [berlin, lisbon, oslo, stranger] {
            tunnel(&mut members, site, TunnelKind::WarpConnector);
        }
        tunnel(&mut members, web, TunnelKind::CfdTunnel);
        let named = NamedNetwork {
            name: "default".parse().unwrap(),
            is_default: true,
        };
        members.apply(&Change::Private(PrivateChange::VirtualNetwork(
            ACCOUNT,
            space(1),
            Some(named),
        )));
        route(&mut members, berlin, 1, "10.1.0.0/16");
        route(&mut members, berlin, 2, "10.2.0.0/16");
        route(&mut members, lisbon, 1, "10.0.0.0/8");
        route(&mut members, lisbon, 2, "10.1.0.0/16");
        route(&mut members, lisbon, 3, "10.3.0.0/16");
        route(&mut members, web, 1, "10.4.0.0/16");
        route(&mut members, web, 1, "0.0.0.0/0");
        route(&mut members, web, 1, "::/0");
        route(&mut members, stranger, 1, "10.5.0.0/16");
        route(&mut members, site(9, ACCOUNT), 1, "10.6.0.0/16");

        let reach = members.reach_of(berlin);
        assert_eq!(texts(&reach.local), ["10.1.0.0/16", "10.2.0.0/16"]);
        assert_eq!(texts(&reach.remote), ["10.0.0.0/8", "10.4.0.0/16"]);
        let reach = members.reach_of(oslo);
        assert_eq!(texts(&reach.local), [""; 0]);
        assert_eq!(
            texts(&reach.remote),
            ["10.0.0.0/8", "10.1.0.0/16", "10.4.0.0/16"],
            "by the default network"
        );
        assert_eq!(texts(&members.reach_of(stranger).local), ["10.5.0.0/16"]);
        assert_eq!(members.reach_of(web), SiteReach::default());
    }
}
