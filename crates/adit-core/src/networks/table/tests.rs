use adit_model::Timestamp;

use super::*;
use crate::{
    permission::AddressRule,
    port::{ApiToken, TokenOwner},
};

struct Scene {
    table: PrivateTable,
    account: AccountId,
    network: VirtualNetworkId,
}

impl Scene {
    fn new() -> Self {
        Self {
            table: PrivateTable::default(),
            account: AccountId::random(),
            network: VirtualNetworkId::random(),
        }
    }

    fn route(&mut self, id: RouteId, network: &str, tunnel: TunnelId) {
        let route = PrivateRoute {
            network: network.parse().unwrap(),
            virtual_network: self.network,
            tunnel,
        };
        self.table
            .apply(PrivateChange::Route(self.account, id, Some(route)));
    }

    fn host(&mut self, id: HostnameRouteId, pattern: &str, tunnel: TunnelId) {
        let host = PrivateHostname {
            pattern: pattern.parse().unwrap(),
            tunnel,
        };
        self.table
            .apply(PrivateChange::Hostname(self.account, id, Some(host)));
    }

    fn name(&mut self, name: &str, is_default: bool) -> VirtualNetworkId {
        let id = VirtualNetworkId::random();
        let named = NamedNetwork {
            name: name.parse().unwrap(),
            is_default,
        };
        self.table
            .apply(PrivateChange::VirtualNetwork(self.account, id, Some(named)));
        id
    }

    fn tunnel_to(&self, address: &str) -> Option<TunnelId> {
        let found = self
            .table
            .tunnel_to(self.account, self.network, address.parse().unwrap());
        found.map(|key| key.tunnel)
    }

    fn tunnel_of(&self, host: &str) -> Option<TunnelId> {
        let found = self.table.tunnel_of_host(self.account, &host.parse().unwrap());
        found.map(|key| key.tunnel)
    }

    fn named(&self, name: &str) -> Option<VirtualNetworkId> {
        self.table.network_named(self.account, name)
    }
}

#[test]
fn the_longest_prefix_of_the_accounts_virtual_network_leads() {
    let mut scene = Scene::new();
    let [wide, narrow, six] = [(); 3].map(|()| TunnelId::random());
    let id = RouteId::random();
    scene.route(RouteId::random(), "10.0.0.0/8", wide);
    scene.route(id, "10.1.0.0/16", narrow);
    scene.route(RouteId::random(), "fd00::/8", six);
    assert_eq!(scene.tunnel_to("10.1.2.3"), Some(narrow));
    assert_eq!(scene.tunnel_to("10.2.2.3"), Some(wide));
    assert_eq!(scene.tunnel_to("fd12::1"), Some(six));
    assert_eq!(scene.tunnel_to("192.168.0.1"), None);
    let address = "10.1.2.3".parse().unwrap();
    let (other_account, other_network) = (AccountId::random(), VirtualNetworkId::random());
    assert_eq!(scene.table.tunnel_to(other_account, scene.network, address), None);
    assert_eq!(scene.table.tunnel_to(scene.account, other_network, address), None);

    scene.table.apply(PrivateChange::Route(scene.account, id, None));
    assert_eq!(scene.tunnel_to("10.1.2.3"), Some(wide));
}

#[test]
fn routes_that_swap_their_networks_keep_them_both() {
    let mut scene = Scene::new();
    let (one, two) = (RouteId::random(), RouteId::random());
    let (first, second) = (TunnelId::random(), TunnelId::random());
    scene.route(one, "10.0.0.0/8", first);
    scene.route(two, "172.16.0.0/12", second);
    scene.route(one, "172.16.0.0/12", first);
    scene.route(two, "10.0.0.0/8", second);
    assert_eq!(scene.tunnel_to("172.16.0.1"), Some(first));
    assert_eq!(scene.tunnel_to("10.0.0.1"), Some(second));
}

#[test]
fn an_exact_host_name_leads_before_the_longest_wildcard() {
    let mut scene = Scene::new();
    let [exact, near, far] = [(); 3].map(|()| TunnelId::random());
    let id = HostnameRouteId::random();
    scene.host(id, "db.corp.internal", exact);
    scene.host(HostnameRouteId::random(), "*.corp.internal", near);
    scene.host(HostnameRouteId::random(), "*.internal", far);
    assert_eq!(scene.tunnel_of("db.corp.internal"), Some(exact));
    assert_eq!(scene.tunnel_of("a.b.corp.internal"), Some(near));
    assert_eq!(scene.tunnel_of("corp.internal"), Some(far));
    assert_eq!(scene.tunnel_of("example.com"), None);
    scene.host(id, "db2.corp.internal", exact);
    assert_eq!(scene.tunnel_of("db.corp.internal"), Some(near));
    scene
        .table
        .apply(PrivateChange::Hostname(scene.account, id, None));
    assert_eq!(scene.tunnel_of("db2.corp.internal"), Some(near));
}

#[test]
fn a_virtual_network_is_meant_by_name_id_or_as_the_default() {
    let mut scene = Scene::new();
    let (default, side) = (scene.name("prod", true), scene.name("side", false));
    for name in ["", "default", "prod", &default.to_string()] {
        assert_eq!(scene.named(name), Some(default), "{name:?}");
    }
    assert_eq!(scene.named("side"), Some(side));
    assert_eq!(scene.named(&side.to_string()), Some(side));
    assert_eq!(scene.named("Side"), None);
    assert_eq!(scene.named(&VirtualNetworkId::random().to_string()), None);
    scene
        .table
        .apply(PrivateChange::VirtualNetwork(scene.account, side, None));
    assert_eq!(scene.named(&side.to_string()), None);
    assert_eq!(scene.table.network_named(AccountId::random(), ""), None);
}

fn token(account: AccountId, id: ApiTokenId, value: &str) -> PrivateChange {
    let at = Timestamp::from_unix_micros(0).unwrap();
    let token = ApiToken {
        id,
        name: "t".to_owned(),
        owner: TokenOwner::Account(account),
        disabled: false,
        policies: Vec::new(),
        addresses: AddressRule::default(),
        not_before: None,
        expires_at: None,
        created_at: at,
        modified_at: at,
        last_used_at: None,
    };
    let known = NetworkToken {
        account,
        value: SecretDigest::of(value.as_bytes()),
        token,
    };
    PrivateChange::Token(id, Some(Box::new(known)))
}

#[test]
fn a_token_is_found_by_its_value_until_it_is_replaced_or_goes() {
    let mut scene = Scene::new();
    let id = ApiTokenId::random();
    scene.table.apply(token(scene.account, id, "one"));
    assert_eq!(scene.table.token("one").unwrap().account, scene.account);
    assert!(scene.table.token("two").is_none() && scene.table.token("").is_none());
    scene.table.apply(token(scene.account, id, "two"));
    assert!(scene.table.token("one").is_none() && scene.table.token("two").is_some());
    scene.table.apply(PrivateChange::Token(id, None));
    assert!(scene.table.token("two").is_none());
}
