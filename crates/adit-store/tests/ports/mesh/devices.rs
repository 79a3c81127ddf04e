//! Devices that join and leave.

use adit_core::{
    mesh::WeakKey,
    port::{DeviceError, DeviceFilter, Devices as _, MeshChange, NetworkError, Networks as _, NewDevice},
};
use adit_model::{AccountId, DeviceId, PeerKey, VirtualNetworkId};
use tokio::task::JoinSet;

use super::key;
use crate::support::{ALL, actor, home};

#[tokio::test]
async fn a_device_joins_is_found_and_leaves() {
    let home = home!();
    let before = home.settled().await;
    let (id, device) = home.join(1).await.unwrap();
    assert_eq!(device.addresses.v4.to_string(), "100.96.0.2");
    assert_eq!(device.virtual_network, home.default_network().await);
    let (second, other) = home.join(2).await.unwrap();
    let found = home.store.device(home.account, id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&device));
    let joined = home.joined().await;
    assert_eq!((joined.total, joined.items.len()), (2, 2));
    assert_eq!(
        joined.items,
        [(second, other), (id, device.clone())],
        "newest first"
    );
    let named = DeviceFilter {
        name: Some("device 1".to_owned()),
    };
    let named = home.store.devices(home.account, named, ALL).await.unwrap();
    assert_eq!(named.items, [(id, device.clone())]);
    assert_eq!(named.total, 1);

    let told = home.mesh_since(before).await;
    assert_eq!(told.len(), 2);
    assert_eq!(
        told[0],
        MeshChange::Device(home.account, id, Some(device.clone()))
    );
    let before = home.now().await;
    assert_eq!(home.revoke(id).await.unwrap(), device);
    assert_eq!(
        home.mesh_since(before).await,
        [MeshChange::Device(home.account, id, None)]
    );
    assert!(matches!(home.revoke(id).await, Err(DeviceError::NotFound)));
    assert_eq!(home.store.device(home.account, id).await.unwrap(), None);
    assert_eq!(home.members().await.len(), 1);
    let test = |action: &str| (action.to_owned(), "token:test".to_owned());
    assert_eq!(
        home.audited("device.").await,
        [
            test("device.revoke"),
            test("device.create"),
            test("device.create")
        ]
    );
}

#[tokio::test]
async fn who_cannot_join_is_told_why() {
    let home = home!();
    home.join(1).await.unwrap();
    let new = |name: &str, key| NewDevice {
        name: name.parse().unwrap(),
        key,
        virtual_network: None,
    };
    let create = async |account, new| {
        let made = home.store.create_device(account, new, &actor()).await;
        made.map(drop).unwrap_err()
    };
    let account = home.account;
    let taken = create(account, new("device 1", key(2))).await;
    assert!(matches!(taken, DeviceError::TakenName), "{taken}");
    let taken = create(account, new("phone", key(1))).await;
    assert!(matches!(taken, DeviceError::TakenKey), "{taken}");
    let weak = create(account, new("phone", PeerKey::from_bytes([0; 32]))).await;
    assert!(matches!(weak, DeviceError::WeakKey(WeakKey)), "{weak}");
    let nowhere = home.join_in(3, Some(VirtualNetworkId::random())).await;
    assert!(matches!(nowhere, Err(DeviceError::NoVirtualNetwork)));

    // A key is taken whichever account's member has it; a name and an address are the account's own.
    let other = AccountId::random();
    home.store
        .create_account(other, "Other".to_owned())
        .await
        .unwrap();
    let taken = create(other, new("device 1", key(1))).await;
    assert!(matches!(taken, DeviceError::TakenKey), "{taken}");
    let made = home
        .store
        .create_device(other, new("device 1", key(2)), &actor())
        .await;
    let (id, device, _) = made.unwrap();
    assert_eq!(device.addresses.v4.to_string(), "100.96.0.2");
    assert_eq!(
        home.store.device(account, id).await.unwrap(),
        None,
        "another account's"
    );
    let foreign = home.store.revoke_device(account, id, &actor()).await;
    assert!(matches!(foreign, Err(DeviceError::NotFound)));
}

#[tokio::test]
async fn devices_that_join_at_once_have_nothing_in_common() {
    let home = home!();
    let mut joining = JoinSet::new();
    for number in 0..40_u16 {
        let (store, account) = (home.store.clone(), home.account);
        let new = NewDevice {
            // Two at a time want the same name.
            name: format!("device {}", number / 2).parse().unwrap(),
            key: key(number),
            virtual_network: None,
        };
        joining.spawn(async move { store.create_device(account, new, &actor()).await });
    }
    let (mut addresses, mut refused) = (Vec::new(), 0);
    while let Some(done) = joining.join_next().await {
        match done.unwrap() {
            Ok((_, device, _)) => addresses.extend(device.addresses.all()),
            Err(DeviceError::TakenName) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!((addresses.len(), refused), (40, 20));
}

#[tokio::test]
async fn a_device_reaches_the_mesh_and_what_is_routed_in_its_network() {
    let home = home!();
    let (office, blog) = (
        home.site("office").await.tunnel,
        home.tunnel("blog").await.key.tunnel,
    );
    let (side, main) = (home.network("side").await, home.default_network().await);
    home.lead("fd00:1::/64", office, Some(side)).await;
    home.lead("10.2.0.0/16", blog, Some(side)).await;
    home.lead("10.1.0.0/16", office, Some(side)).await;
    home.lead("10.9.0.0/16", office, Some(main)).await;
    let reach = home.store.device_reach(home.account, side).await.unwrap();
    let routed: Vec<_> = reach.routed.iter().map(ToString::to_string).collect();
    assert_eq!(routed, ["10.1.0.0/16", "10.2.0.0/16", "fd00:1::/64"]);
    assert_eq!(reach.ranges, home.ranges().await);
    assert_eq!(reach.ranges.unwrap().networks()[0].to_string(), "100.96.0.0/12");
    let nobodys = home.store.device_reach(AccountId::random(), side).await.unwrap();
    assert_eq!((nobodys.ranges, nobodys.routed), (None, Vec::new()));
}

#[tokio::test]
async fn a_virtual_network_with_devices_goes_only_by_force_and_they_move() {
    let home = home!();
    let side = home.network("side").await;
    let (id, device) = home.join_in(1, Some(side)).await.unwrap();
    assert_eq!(device.virtual_network, side);
    let actor = actor();
    let delete = |force| {
        home.store
            .delete_virtual_network(home.account, side, force, &actor)
    };
    let before = home.now().await;
    let refused = delete(false).await.unwrap_err();
    assert!(
        matches!(refused, NetworkError::VirtualNetworkHasDevices { devices: 1 }),
        "{refused}"
    );
    assert_eq!(home.now().await, before, "nothing changed");
    delete(true).await.unwrap();
    let moved = home.store.device(home.account, id).await.unwrap().unwrap();
    assert_eq!(moved.virtual_network, home.default_network().await);
    assert_eq!(
        home.mesh_since(before).await,
        [MeshChange::Device(home.account, id, Some(moved))]
    );
    assert_eq!(home.audited("device.move").await.len(), 1);
}

#[tokio::test]
async fn an_account_goes_with_its_mesh() {
    let home = home!();
    let other = AccountId::random();
    home.store
        .create_account(other, "Other".to_owned())
        .await
        .unwrap();
    let new = NewDevice {
        name: "phone".parse().unwrap(),
        key: key(1),
        virtual_network: None,
    };
    let made = home.store.create_device(other, new, &actor()).await;
    let (id, before): (DeviceId, _) = (made.unwrap().0, home.now().await);
    home.catalog().remove_account(other, &actor()).await.unwrap();
    let told = home.mesh_since(before).await;
    assert_eq!(
        told,
        [
            MeshChange::Device(other, id, None),
            MeshChange::Ranges(other, None)
        ]
    );
    assert_eq!(home.members().await, []);
    assert_eq!(home.texts("SELECT kind FROM mesh_addresses").await, [""; 0]);
    home.join(1).await.unwrap();
}
