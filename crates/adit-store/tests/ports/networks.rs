//! Private networks, through the catalogue's port.

use std::{net::IpAddr, time::Duration};

use adit_core::{
    networks::{Family, Network, SubnetKind},
    port::{
        CatalogError, NetworkError, NewHostnameRoute, NewRoute, NewVirtualNetwork, PageRequest, Route,
        RouteFilter, RouteSelector, SubnetFilter, SubnetSelector, VirtualNetworkFilter,
    },
};
use adit_model::{AccountId, TunnelId, VirtualNetworkId};
use adit_store::{Retention, StoreOptions};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::support::{ALL, Home, actor, home};

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

fn to(tunnel: TunnelId, network: Network) -> NewRoute {
    NewRoute {
        network,
        tunnel,
        virtual_network: None,
        comment: "".parse().unwrap(),
    }
}

impl Home {
    async fn add_route(&self, tunnel: TunnelId, network: Network) -> Result<Route, NetworkError> {
        let new = to(tunnel, network);
        self.catalog().create_route(self.account, new, &actor()).await
    }

    async fn routes(&self, filter: RouteFilter) -> Vec<Network> {
        let page = self.catalog().routes(self.account, &filter, ALL).await.unwrap();
        assert_eq!(page.items.len() as u64, page.total);
        let mut networks: Vec<_> = page.items.iter().map(|route| route.network).collect();
        networks.sort_unstable();
        networks
    }

    async fn virtual_networks(&self) -> Vec<(VirtualNetworkId, bool)> {
        let filter = VirtualNetworkFilter {
            deleted: Some(false),
            ..VirtualNetworkFilter::default()
        };
        let found = self.catalog().virtual_networks(self.account, &filter).await;
        found
            .unwrap()
            .into_iter()
            .map(|found| (found.id, found.is_default))
            .collect()
    }
}

fn any_network() -> impl Strategy<Value = Network> {
    // Few distinct addresses, so that networks meet often.
    let v4 =
        (0_u32..64, 0_u8..=32).prop_map(|(bits, length)| (IpAddr::from((bits << 26).to_be_bytes()), length));
    let v6 = (0_u128..64, 0_u8..=128)
        .prop_map(|(bits, length)| (IpAddr::from((bits << 122).to_be_bytes()), length));
    prop_oneof![2 => v4, 1 => v6].prop_map(|(address, length)| Network::new(address, length).unwrap())
}

#[tokio::test]
async fn the_store_finds_networks_as_a_naive_model_does() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key.tunnel;
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let mut draw = || any_network().new_tree(&mut runner).unwrap().current();
    let mut kept: Vec<Network> = Vec::new();
    for _ in 0..150 {
        let network = draw();
        let made = home.add_route(tunnel, network).await;
        assert_eq!(made.is_err(), kept.contains(&network), "{network}");
        if made.is_ok() {
            kept.push(network);
        }
    }
    kept.sort_unstable();

    for _ in 0..100 {
        let asked = draw();
        let naive = |holds: &dyn Fn(&Network) -> bool| -> Vec<Network> {
            kept.iter().copied().filter(|network| holds(network)).collect()
        };
        let within = RouteFilter {
            within: Some(asked),
            ..RouteFilter::default()
        };
        assert_eq!(
            home.routes(within).await,
            naive(&|network| asked.contains(*network)),
            "{asked}"
        );
        let containing = RouteFilter {
            containing: Some(asked),
            ..RouteFilter::default()
        };
        assert_eq!(
            home.routes(containing).await,
            naive(&|network| network.contains(asked)),
            "{asked}"
        );
        let exactly = RouteFilter {
            within: Some(asked),
            containing: Some(asked),
            ..RouteFilter::default()
        };
        assert_eq!(
            home.routes(exactly).await,
            naive(&|network| *network == asked),
            "{asked}"
        );

        let address = Network::of_address(asked.last());
        let found = home
            .catalog()
            .route_to(home.account, asked.last(), None)
            .await
            .unwrap();
        let best = kept.iter().filter(|network| network.contains(address));
        let best = best.max_by_key(|network| network.length());
        assert_eq!(found.map(|route| route.network), best.copied(), "{asked}");
    }
}

#[tokio::test]
async fn an_account_older_than_its_virtual_networks_gets_them_when_they_are_needed() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key.tunnel;
    home.tamper("DELETE FROM virtual_networks").await;
    home.tamper("DELETE FROM subnets").await;
    let found = home
        .catalog()
        .route_to(home.account, [10, 0, 0, 1].into(), None)
        .await;
    assert_eq!(found.unwrap(), None);

    let made = home.add_route(tunnel, network("10.0.0.0/8")).await.unwrap();
    assert_eq!(home.virtual_networks().await, [(made.virtual_network, true)]);
    let only = SubnetSelector::Only(SubnetKind::InitialResolvedIp, Family::V4);
    let subnet = home.catalog().subnet(home.account, only).await.unwrap().unwrap();
    assert_eq!(subnet.network, network("100.80.0.0/16"));
}

#[tokio::test]
async fn reading_makes_what_an_account_starts_with_once() {
    let home = home!();
    let other = AccountId::random();
    home.store
        .create_account(other, "Other".to_owned())
        .await
        .unwrap();
    let catalog = home.catalog();
    let (filter, subnets) = (VirtualNetworkFilter::default(), SubnetFilter::default());
    let (first, second) = tokio::join!(
        catalog.virtual_networks(other, &filter),
        catalog.virtual_networks(other, &filter)
    );
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(catalog.subnets(other, &subnets, ALL).await.unwrap().total, 6);
    assert_eq!(catalog.virtual_networks(other, &filter).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_account_has_a_thousand_virtual_networks_at_most() {
    let home = home!();
    assert_eq!(home.virtual_networks().await.len(), 1);
    let others = |new_id: &str| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 998)
             INSERT INTO virtual_networks (account_id, virtual_network_id, name, comment, is_default, created_at)
             SELECT '{}', {new_id}, 'n' || i, '', FALSE, 1 FROM n",
            home.account
        )
    };
    let (sqlite, postgres) = (others("randomblob(16)"), others("gen_random_uuid()"));
    home.place.run(&sqlite, &postgres).await;
    let create = async |name: &str| {
        let new = NewVirtualNetwork {
            name: name.parse().unwrap(),
            comment: "".parse().unwrap(),
            is_default: false,
        };
        home.catalog()
            .create_virtual_network(home.account, new, &actor())
            .await
    };
    let last = create("last").await.unwrap();
    let refused = create("one more").await;
    assert!(
        matches!(refused, Err(NetworkError::TooManyVirtualNetworks)),
        "{refused:?}"
    );
    let catalog = home.catalog();
    catalog
        .delete_virtual_network(home.account, last.id, false, &actor())
        .await
        .unwrap();
    create("one more").await.unwrap();
}

#[tokio::test]
async fn a_new_default_displaces_the_old_one() {
    let home = home!();
    let [(old, true)] = home.virtual_networks().await[..] else {
        panic!("no default")
    };
    let new = NewVirtualNetwork {
        name: "lab".parse().unwrap(),
        comment: "".parse().unwrap(),
        is_default: true,
    };
    home.hands.turn(Duration::from_secs(1));
    let new = home
        .catalog()
        .create_virtual_network(home.account, new, &actor())
        .await
        .unwrap();
    assert_eq!(home.virtual_networks().await, [(new.id, true), (old, false)]);
}

#[tokio::test]
async fn routes_keep_their_tunnel_or_go_with_it() {
    let home = home!();
    let key = home.tunnel("blog").await.key;
    let route = home.add_route(key.tunnel, network("10.0.0.0/8")).await.unwrap();
    let hostname = NewHostnameRoute {
        hostname: "a.local".parse().unwrap(),
        tunnel: key.tunnel,
        comment: "".parse().unwrap(),
    };
    let catalog = home.catalog();
    let hostname = catalog
        .create_hostname_route(home.account, hostname, &actor())
        .await
        .unwrap();

    let refused = catalog.delete_tunnel(key, false, &actor()).await;
    assert!(
        matches!(&refused, Err(CatalogError::StillRouted(routed)) if (routed.networks, routed.hostnames) == (1, 1)),
        "{refused:?}"
    );
    let live = async || {
        let route = catalog.route(home.account, route.id).await.unwrap().unwrap();
        let hostname = catalog
            .hostname_route(home.account, hostname.id)
            .await
            .unwrap()
            .unwrap();
        [
            route.deleted_at.is_none(),
            hostname.deleted_at.is_none(),
            home.get(key).await.deleted_at.is_none(),
        ]
    };
    assert_eq!(live().await, [true; 3]);
    catalog.delete_tunnel(key, true, &actor()).await.unwrap();
    assert_eq!(live().await, [false; 3]);
    let actions = home
        .texts("SELECT action FROM audit_log WHERE actor = 'token:test' ORDER BY id DESC LIMIT 3")
        .await;
    assert_eq!(
        actions,
        ["tunnel.delete", "hostname_route.delete_all", "route.delete_all"]
    );
}

#[tokio::test]
async fn deleted_networks_are_swept_and_live_ones_are_not() {
    let home = home!(StoreOptions {
        retention: Retention {
            deleted_tunnels: Duration::from_secs(60),
            ..Retention::default()
        },
        ..StoreOptions::default()
    });
    let key = home.tunnel("blog").await.key;
    let gone = home.add_route(key.tunnel, network("10.0.0.0/8")).await.unwrap();
    let kept = home.add_route(key.tunnel, network("10.0.0.0/16")).await.unwrap();
    let selector = RouteSelector::Id(gone.id);
    home.catalog()
        .delete_route(home.account, selector, &actor())
        .await
        .unwrap();
    let now = home.hands.turn(Duration::from_secs(61));
    let swept = home.store.sweep(now).await.unwrap();
    assert_eq!((swept.networks, swept.tunnels), (1, 0));
    let found = async |id| home.catalog().route(home.account, id).await.unwrap();
    assert_eq!(found(gone.id).await, None);
    assert_eq!(found(kept.id).await, Some(kept.clone()));

    home.catalog().delete_tunnel(key, true, &actor()).await.unwrap();
    home.store
        .sweep(home.hands.turn(Duration::from_secs(61)))
        .await
        .unwrap();
    assert_eq!(found(kept.id).await, None);
    assert_eq!(home.virtual_networks().await.len(), 1);
}

#[tokio::test]
async fn pages_of_routes_are_newest_first_and_total() {
    let home = home!();
    let tunnel = home.tunnel("blog").await.key.tunnel;
    for third in 0..7_u8 {
        // All equally old: the order is total all the same.
        home.add_route(tunnel, Network::new([10, 0, third, 0].into(), 24).unwrap())
            .await
            .unwrap();
    }
    let mut seen = std::collections::BTreeSet::new();
    for page in 1..=4 {
        let page = PageRequest { page, per_page: 2 };
        let found = home
            .catalog()
            .routes(home.account, &RouteFilter::default(), page)
            .await
            .unwrap();
        assert_eq!(found.total, 7);
        seen.extend(found.items.iter().map(|route| route.network));
    }
    assert_eq!(seen.len(), 7);
}
