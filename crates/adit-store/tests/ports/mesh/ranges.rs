//! Where addresses come from, and when they are given again.

use std::time::Duration;

use adit_core::port::Sites as _;
use adit_core::{
    networks::{Family, SubnetKind},
    port::{
        DeviceError, MeshChange, NetworkError, Networks as _, NewSubnet, Subnet, SubnetChange, SubnetFilter,
        SubnetSelector, Unlinked,
    },
};

use super::{enrolling, host};
use crate::support::{ALL, Home, actor, home};

impl Home {
    async fn subnet(&self, name: &str) -> Subnet {
        let filter = SubnetFilter {
            name: Some(name.to_owned()),
            ..SubnetFilter::default()
        };
        let found = self.store.subnets(self.account, &filter, ALL).await.unwrap();
        found.items.into_iter().next().unwrap()
    }

    async fn move_default(&self, family: Family, to: &str) -> Result<Subnet, NetworkError> {
        let subnet = match family {
            Family::V4 => self.subnet("IPv4 device addresses").await,
            Family::V6 => self.subnet("IPv6 device addresses").await,
        };
        let change = SubnetChange {
            network: Some(to.parse().unwrap()),
            ..SubnetChange::default()
        };
        let selector = SubnetSelector::Warp(subnet.id);
        self.store
            .update_subnet(self.account, selector, change, &actor())
            .await
    }

    async fn another_default(&self, name: &str, network: &str) -> Result<Subnet, NetworkError> {
        let new = NewSubnet {
            name: name.parse().unwrap(),
            network: network.parse().unwrap(),
            comment: "".parse().unwrap(),
            is_default: true,
        };
        self.store.create_subnet(self.account, new, &actor()).await
    }
}

fn in_use<T>(done: Result<T, NetworkError>) -> u64 {
    match done {
        Err(NetworkError::SubnetInUse { members }) => members,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it moved"),
    }
}

#[tokio::test]
async fn the_ranges_move_only_while_nobody_has_an_address() {
    let home = home!();
    let before = home.settled().await;
    home.move_default(Family::V4, "10.96.0.0/24").await.unwrap();
    home.another_default("mine", "fd00:7::/64").await.unwrap();
    let ranges = home.ranges().await.unwrap();
    let networks: Vec<_> = ranges.networks().iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.96.0.0/24", "fd00:7::/64"]);
    assert_eq!(
        home.mesh_since(before).await,
        [MeshChange::Ranges(home.account, Some(ranges))]
    );

    let (id, device) = home.join(1).await.unwrap();
    assert_eq!(device.addresses.v4.to_string(), "10.96.0.2");
    assert_eq!(device.addresses.v6.to_string(), "fd00:7::2");
    assert_eq!(home.subnet("IPv4 device addresses").await.used, 1);
    assert_eq!(home.subnet("IPv6 device addresses").await.used, 0);
    let now = home.now().await;
    assert_eq!(in_use(home.move_default(Family::V4, "10.97.0.0/24").await), 1);
    assert_eq!(in_use(home.another_default("other", "10.98.0.0/24").await), 1);
    let displaced = SubnetSelector::Warp(home.subnet("IPv6 device addresses").await.id);
    let again = SubnetChange {
        is_default: Some(true),
        ..SubnetChange::default()
    };
    let again = home
        .store
        .update_subnet(home.account, displaced, again, &actor())
        .await;
    assert_eq!(in_use(again), 1);
    assert_eq!(home.now().await, now, "nothing changed");

    // What nobody has an address of may change, and so may what a range is called.
    home.move_default(Family::V6, "fd00:8::/64").await.unwrap();
    let renamed = SubnetChange {
        name: Some("members".parse().unwrap()),
        ..SubnetChange::default()
    };
    let v4 = SubnetSelector::Warp(home.subnet("IPv4 device addresses").await.id);
    home.store
        .update_subnet(home.account, v4, renamed, &actor())
        .await
        .unwrap();
    let source = SubnetSelector::Only(SubnetKind::CloudflareSource, Family::V4);
    let moved = SubnetChange {
        network: Some("10.64.0.0/16".parse().unwrap()),
        ..SubnetChange::default()
    };
    home.store
        .update_subnet(home.account, source, moved, &actor())
        .await
        .unwrap();
    home.revoke(id).await.unwrap();
    home.another_default("other", "10.98.0.0/24").await.unwrap();
    assert_eq!(
        home.join(2).await.unwrap().1.addresses.v4.to_string(),
        "10.98.0.2"
    );
}

#[tokio::test]
async fn an_address_is_given_again_when_no_other_is_left_and_the_longest_free_first() {
    let home = home!();
    home.settled().await;
    home.move_default(Family::V4, "10.0.0.0/29").await.unwrap();
    let mut devices = Vec::new();
    for number in 0..5 {
        devices.push(home.join(number).await.unwrap());
    }
    assert!(matches!(home.join(9).await, Err(DeviceError::NoAddress)));
    assert_eq!(home.joined().await.total, 5, "nobody is half in");
    for of in [3, 1] {
        home.revoke(devices[of].0).await.unwrap();
        home.hands.turn(Duration::from_secs(1));
    }
    for (number, of) in [(10, 3), (11, 1)] {
        let (_, device) = home.join(number).await.unwrap();
        assert_eq!(device.addresses.v4, devices[of].1.addresses.v4, "{number}");
    }
    let taken: Vec<_> = home.joined().await.items;
    assert_eq!(taken.len(), 5);
}

#[tokio::test]
async fn whose_an_address_was_is_forgotten_with_time() {
    let home = home!();
    home.settled().await;
    home.move_default(Family::V4, "10.0.0.0/28").await.unwrap();
    let office = home.site("office").await;
    home.link(enrolling(office, "office", 1)).await.unwrap();
    home.store
        .unlink(office, Unlinked::One(host(1)), &actor())
        .await
        .unwrap();
    let (_, device) = home.join(2).await.unwrap();
    assert_eq!(
        device.addresses.v4.to_string(),
        "10.0.0.3",
        "not the one that was just freed"
    );
    let known = "SELECT CAST(COUNT(*) AS TEXT) FROM mesh_addresses";
    assert_eq!(home.texts(known).await, ["4"]);
    let late = home.hands.turn(Duration::from_secs(91 * 24 * 60 * 60));
    assert_eq!(home.store.sweep(late).await.unwrap().networks, 2);
    assert_eq!(home.texts(known).await, ["2"], "those of the device stay");
}
