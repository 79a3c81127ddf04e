//! Where private addresses and names lead, and who may ask.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
};

use adit_model::{
    AccountId, ApiTokenId, Hostname, HostnameRouteId, RouteId, SecretDigest, TunnelId, TunnelKey,
    VirtualNetworkId,
};

use super::{DEFAULT_VIRTUAL_NETWORK, NetworkMap};
use crate::{
    port::{NamedNetwork, NetworkToken, PrivateChange, PrivateHostname, PrivateRoute},
    routes::HostMap,
};

/// The private networks of every account. Cheap to copy: a change copies no more than the account that it is about.
#[derive(Debug, Clone, Default)]
pub struct PrivateTable {
    accounts: HashMap<AccountId, Arc<Networks>>,
    tokens: Arc<Tokens>,
}

/// The private networks of one account.
#[derive(Debug, Clone, Default)]
struct Networks {
    named: BTreeMap<VirtualNetworkId, NamedNetwork>,
    routes: HashMap<RouteId, PrivateRoute>,
    tunnels: HashMap<VirtualNetworkId, NetworkMap<(RouteId, TunnelId)>>,
    hostnames: HashMap<HostnameRouteId, PrivateHostname>,
    hosts: HostMap<(HostnameRouteId, TunnelId)>,
}

/// Tokens by their id, and by the first bytes of the hash of their value, which tell a guesser nothing.
#[derive(Debug, Clone, Default)]
struct Tokens {
    known: HashMap<ApiTokenId, Arc<NetworkToken>>,
    by_hash: HashMap<[u8; 8], Vec<ApiTokenId>>,
}

impl PrivateTable {
    /// Takes a change in.
    pub fn apply(&mut self, change: PrivateChange) {
        match change {
            PrivateChange::Route(account, id, route) => self.of(account).set_route(id, route),
            PrivateChange::Hostname(account, id, host) => self.of(account).set_hostname(id, host),
            PrivateChange::VirtualNetwork(account, id, named) => {
                let networks = self.of(account);
                match named {
                    Some(named) => networks.named.insert(id, named),
                    None => networks.named.remove(&id),
                };
            }
            PrivateChange::Token(id, token) => Arc::make_mut(&mut self.tokens).set(id, token),
        }
    }

    fn of(&mut self, account: AccountId) -> &mut Networks {
        Arc::make_mut(self.accounts.entry(account).or_default())
    }

    /// The tunnel that an address of a virtual network is routed to: that of the longest prefix.
    #[must_use]
    pub fn tunnel_to(
        &self,
        account: AccountId,
        network: VirtualNetworkId,
        address: IpAddr,
    ) -> Option<TunnelKey> {
        let (_, tunnel) = self
            .accounts
            .get(&account)?
            .tunnels
            .get(&network)?
            .lookup(address)?;
        Some(TunnelKey {
            account,
            tunnel: *tunnel,
        })
    }

    /// The tunnel that a private host name is routed to: that of the exact name, or else of the longest wildcard.
    #[must_use]
    pub fn tunnel_of_host(&self, account: AccountId, host: &Hostname) -> Option<TunnelKey> {
        let (_, tunnel) = self.accounts.get(&account)?.hosts.lookup(host)?;
        Some(TunnelKey {
            account,
            tunnel: *tunnel,
        })
    }

    /// The virtual network of an account that a user means: by its name or its id, or, by nothing or `default`, the
    /// account's default one.
    #[must_use]
    pub fn network_named(&self, account: AccountId, name: &str) -> Option<VirtualNetworkId> {
        let named = &self.accounts.get(&account)?.named;
        let default = name.is_empty() || name == DEFAULT_VIRTUAL_NETWORK;
        let is_meant = |network: &NamedNetwork| {
            if default {
                network.is_default
            } else {
                network.name.as_str() == name
            }
        };
        let by_name = named.iter().find(|(_, network)| is_meant(network));
        by_name.map(|(id, _)| *id).or_else(|| {
            let id = name.parse().ok()?;
            named.contains_key(&id).then_some(id)
        })
    }

    /// The token with this value, compared in constant time. Whether it is good now is another question.
    #[must_use]
    pub fn token(&self, value: &str) -> Option<&Arc<NetworkToken>> {
        let value = SecretDigest::of(value.as_bytes());
        let candidates = self.tokens.by_hash.get(&first_bytes(&value))?.iter();
        let mut candidates = candidates.filter_map(|id| self.tokens.known.get(id));
        candidates.find(|token| token.value == value)
    }
}

impl Networks {
    fn set_route(&mut self, id: RouteId, route: Option<PrivateRoute>) {
        if let Some(before) = self.routes.remove(&id)
            && let Some(tunnels) = self.tunnels.get_mut(&before.virtual_network)
            // Another route may have taken its network, by a change that came first.
            && tunnels.get(before.network).is_some_and(|(owner, _)| *owner == id)
        {
            tunnels.remove(before.network);
            if tunnels.is_empty() {
                self.tunnels.remove(&before.virtual_network);
            }
        }
        if let Some(route) = route {
            let tunnels = self.tunnels.entry(route.virtual_network).or_default();
            tunnels.insert(route.network, (id, route.tunnel));
            self.routes.insert(id, route);
        }
    }

    fn set_hostname(&mut self, id: HostnameRouteId, host: Option<PrivateHostname>) {
        if let Some(before) = self.hostnames.remove(&id)
            && self
                .hosts
                .get(&before.pattern)
                .is_some_and(|(owner, _)| *owner == id)
        {
            self.hosts.set(before.pattern, None);
        }
        if let Some(host) = host {
            self.hosts.set(host.pattern.clone(), Some((id, host.tunnel)));
            self.hostnames.insert(id, host);
        }
    }
}

impl Tokens {
    fn set(&mut self, id: ApiTokenId, token: Option<Box<NetworkToken>>) {
        if let Some(before) = self.known.remove(&id) {
            let hash = first_bytes(&before.value);
            if let Some(alike) = self.by_hash.get_mut(&hash) {
                alike.retain(|other| *other != id);
                if alike.is_empty() {
                    self.by_hash.remove(&hash);
                }
            }
        }
        if let Some(token) = token {
            self.by_hash
                .entry(first_bytes(&token.value))
                .or_default()
                .push(id);
            self.known.insert(id, Arc::new(*token));
        }
    }
}

fn first_bytes(digest: &SecretDigest) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests;
