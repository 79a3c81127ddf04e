//! Replicas that enrol, come back, get other keys and lose their link.

use std::time::Duration;

use adit_core::{
    mesh::{MOST_REPLICAS, WeakKey},
    port::{LinkError, LinkedReplica, MeshChange, Sites as _, TunnelChanges, Unlinked},
};
use adit_model::{PeerKey, TunnelKey, TunnelSecret};
use tokio::task::JoinSet;

use super::{enrolling, host, identity, key, secret};
use crate::support::{Home, actor, home};

fn linked(tunnel: TunnelKey, number: u16, link: Option<LinkedReplica>) -> MeshChange {
    MeshChange::Replica(tunnel, host(number), link)
}

impl Home {
    async fn rotate(&self, tunnel: TunnelKey, to: &str) {
        let changes = TunnelChanges {
            secret: Some(secret(to)),
            ..TunnelChanges::default()
        };
        self.catalog()
            .update_tunnel(tunnel, changes, &actor())
            .await
            .unwrap();
    }

    async fn unlink(&self, tunnel: TunnelKey, which: Unlinked) -> usize {
        self.store.unlink(tunnel, which, &actor()).await.unwrap().0.len()
    }
}

#[tokio::test]
async fn a_host_is_linked_with_addresses_of_its_own_and_known_again() {
    let home = home!();
    let (office, before) = (home.site("office").await, home.now().await);
    let first = home.link(enrolling(office, "office", 1)).await.unwrap();
    assert_eq!((first.identity, first.key), (identity(1), key(1)));
    assert_eq!(
        first.addresses.v4.to_string(),
        "100.96.0.2",
        "the first is the hub's"
    );
    assert!(first.addresses.v6.to_string().ends_with("::2"), "{first:?}");
    let second = home.link(enrolling(office, "office", 2)).await.unwrap();
    assert_eq!(second.addresses.v4.to_string(), "100.96.0.3");

    let now = home.now().await;
    assert_eq!(home.link(enrolling(office, "office", 1)).await.unwrap(), first);
    assert_eq!(home.now().await, now, "nothing changed");
    let mut again = enrolling(office, "office", 1);
    again.key = key(9);
    let again = home.link(again).await.unwrap();
    assert_eq!(again, LinkedReplica { key: key(9), ..first });

    let (one, two) = (linked(office, 1, Some(again)), linked(office, 2, Some(second)));
    assert_eq!(home.mesh_since(before).await, [two.clone(), one.clone()]);
    let home = home.reopen().await;
    assert_eq!(home.members().await, [one, two]);
    let listed = home.store.linked_replicas(office).await.unwrap();
    assert_eq!(
        listed.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        [host(1), host(2)]
    );
    let system = |action: &str| (action.to_owned(), "system".to_owned());
    assert_eq!(
        home.audited("replica.").await,
        [
            system("replica.relink"),
            system("replica.link"),
            system("replica.link")
        ]
    );
}

#[tokio::test]
async fn who_cannot_be_linked_is_told_why_and_leaves_nothing_behind() {
    let home = home!();
    let (office, lab) = (home.site("office").await, home.site("lab").await);
    let blog = home.tunnel("blog").await.key;
    home.link(enrolling(office, "office", 1)).await.unwrap();
    let (device, _) = home.join(5).await.unwrap();
    let before = (home.now().await, home.members().await);
    let new = enrolling(office, "office", 2);
    for (wrong, why) in [
        (enrolling(office, "lab", 2), "the tunnel's secret has changed"),
        (enrolling(blog, "blog", 2), "tunnel not found"),
        (
            enrolling(lab, "lab", 1),
            "the connector id belongs to another host",
        ),
    ] {
        assert_eq!(home.link(wrong).await.unwrap_err().to_string(), why);
    }
    let mut other_host = enrolling(office, "office", 1);
    other_host.identity = identity(3);
    assert!(matches!(home.link(other_host).await, Err(LinkError::TakenId)));
    for taken in [1, 5] {
        let mut wrong = new;
        wrong.key = key(taken);
        assert!(
            matches!(home.link(wrong).await, Err(LinkError::TakenKey)),
            "{taken}"
        );
    }
    let mut weak = new;
    weak.key = PeerKey::from_bytes([0; 32]);
    assert!(matches!(home.link(weak).await, Err(LinkError::WeakKey(WeakKey))));
    assert_eq!((home.now().await, home.members().await), before);

    // Who may be linked gets what the refused ones might have used up.
    let second = home.link(new).await.unwrap();
    assert_eq!(second.addresses.v4.to_string(), "100.96.0.4");
    home.revoke(device).await.unwrap();
    let mut freed = enrolling(office, "office", 3);
    freed.key = key(5);
    home.link(freed).await.unwrap();
    home.delete(lab).await;
    assert!(matches!(
        home.link(enrolling(lab, "lab", 6)).await,
        Err(LinkError::NoTunnel)
    ));
}

#[tokio::test]
async fn a_replica_changes_its_key_but_not_to_anothers() {
    let home = home!();
    let (office, lab) = (home.site("office").await, home.site("lab").await);
    let first = home.link(enrolling(office, "office", 1)).await.unwrap();
    home.link(enrolling(office, "office", 2)).await.unwrap();
    let change = |tunnel, number, to| home.links().change_key(tunnel, host(number), key(to));
    let before = home.now().await;
    let after = change(office, 1, 7).await.unwrap();
    assert!(after > before);
    let changed = LinkedReplica { key: key(7), ..first };
    assert_eq!(home.mesh_since(before).await, [linked(office, 1, Some(changed))]);
    assert_eq!(change(office, 1, 7).await.unwrap(), after, "nothing changed");
    assert!(matches!(change(office, 1, 2).await, Err(LinkError::TakenKey)));
    assert!(matches!(change(office, 3, 8).await, Err(LinkError::NoTunnel)));
    assert!(
        matches!(change(lab, 1, 8).await, Err(LinkError::NoTunnel)),
        "another site's"
    );
    let system = ("replica.change_key".to_owned(), "system".to_owned());
    assert_eq!(home.audited("replica.change_key").await, [system]);
}

#[tokio::test]
async fn after_a_rotation_links_stay_until_they_are_cleaned_up() {
    let home = home!();
    let office = home.site("office").await;
    for number in [1, 2, 3] {
        home.link(enrolling(office, "office", number)).await.unwrap();
    }
    assert_eq!(home.unlink(office, Unlinked::EarlierSecret(None)).await, 0);
    home.rotate(office, "other").await;
    assert_eq!(home.members().await.len(), 3, "they stay");
    assert!(matches!(
        home.link(enrolling(office, "office", 4)).await,
        Err(LinkError::OldSecret)
    ));
    home.links().change_key(office, host(1), key(9)).await.unwrap();
    let known = home.link(enrolling(office, "other", 2)).await.unwrap();
    assert_eq!(
        known.addresses.v4.to_string(),
        "100.96.0.3",
        "it proved the new secret"
    );

    let before = home.now().await;
    assert_eq!(
        home.unlink(office, Unlinked::EarlierSecret(Some(host(2)))).await,
        0
    );
    assert_eq!(
        home.unlink(office, Unlinked::EarlierSecret(Some(host(1)))).await,
        1
    );
    assert_eq!(home.unlink(office, Unlinked::EarlierSecret(None)).await, 1);
    let gone = [linked(office, 1, None), linked(office, 3, None)];
    assert_eq!(home.mesh_since(before).await, gone);
    assert_eq!(home.unlink(office, Unlinked::One(host(2))).await, 1);
    assert_eq!(home.unlink(office, Unlinked::One(host(2))).await, 0);
    assert_eq!(home.members().await, []);
    assert_eq!(home.audited("replica.unlink").await.len(), 3);
    let back = home.link(enrolling(office, "other", 1)).await.unwrap();
    assert_eq!(
        back.addresses.v4.to_string(),
        "100.96.0.5",
        "others' are free for longer"
    );
}

#[tokio::test]
async fn a_deleted_site_has_no_replicas() {
    let home = home!();
    let (office, lab) = (home.site("office").await, home.site("lab").await);
    home.link(enrolling(office, "office", 1)).await.unwrap();
    let stays = home.link(enrolling(lab, "lab", 2)).await.unwrap();
    let before = home.now().await;
    home.delete(office).await;
    assert_eq!(home.mesh_since(before).await, [linked(office, 1, None)]);
    assert_eq!(home.members().await, [linked(lab, 2, Some(stays))]);
    assert_eq!(home.store.linked_replicas(office).await.unwrap(), []);
}

#[tokio::test]
async fn hosts_that_enrol_at_once_get_addresses_of_their_own_up_to_the_most() {
    let home = home!();
    let office = home.site("office").await;
    let most = u16::try_from(MOST_REPLICAS).unwrap();
    let mut hosts = JoinSet::new();
    for number in 0..most + 6 {
        let (store, new) = (home.store.clone(), enrolling(office, "office", number));
        hosts.spawn(async move { adit_core::port::MeshLinks::link(&*store, new).await });
    }
    let (mut addresses, mut refused) = (Vec::new(), 0);
    while let Some(done) = hosts.join_next().await {
        match done.unwrap() {
            Ok((link, _)) => addresses.extend(link.addresses.all()),
            Err(LinkError::TooMany(told)) => {
                assert_eq!(told, MOST_REPLICAS);
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((addresses.len(), refused), (2 * usize::from(most), 6));
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 2 * usize::from(most), "each has its own");
}

#[tokio::test]
async fn of_hosts_that_enrol_at_once_with_one_key_or_id_one_is_linked() {
    let home = home!();
    let office = home.site("office").await;
    let mut hosts = JoinSet::new();
    for number in 0..8 {
        let (mut one_key, mut one_id) = (
            enrolling(office, "office", number),
            enrolling(office, "office", number + 100),
        );
        one_key.key = key(99);
        one_id.connector = host(99);
        for new in [one_key, one_id] {
            let store = home.store.clone();
            hosts.spawn(async move { adit_core::port::MeshLinks::link(&*store, new).await });
        }
    }
    let mut told = Vec::new();
    while let Some(done) = hosts.join_next().await {
        told.push(done.unwrap().map(drop).map_err(|error| error.to_string()));
    }
    assert_eq!(told.iter().filter(|one| one.is_ok()).count(), 2, "{told:?}");
    assert_eq!(home.members().await.len(), 2);
}

#[tokio::test]
async fn a_secret_that_is_set_again_is_proved_again() {
    let home = home!();
    let office = home.site("office").await;
    home.link(enrolling(office, "office", 1)).await.unwrap();
    home.rotate(office, "office").await;
    let wrong = TunnelSecret::new(vec![1; 32]).unwrap();
    let mut new = enrolling(office, "office", 1);
    new.proven = wrong.digest();
    assert!(matches!(home.link(new).await, Err(LinkError::OldSecret)));
    home.link(enrolling(office, "office", 1)).await.unwrap();
    assert_eq!(home.unlink(office, Unlinked::EarlierSecret(None)).await, 0);
}

#[tokio::test]
async fn a_linked_replica_is_shown_however_long_it_is_gone() {
    let home = home!();
    let office = home.site("office").await;
    for number in [1, 2] {
        home.link(enrolling(office, "office", number)).await.unwrap();
        let closed = home.connect(office, host(number), 0);
        home.wait_for_connections(office, 1).await;
        home.disconnect(closed);
        home.wait_for_connections(office, 0).await;
    }
    home.unlink(office, Unlinked::One(host(2))).await;
    let late = home.hands.turn(Duration::from_secs(31 * 24 * 60 * 60));
    assert_eq!(home.store.sweep(late).await.unwrap().connections, 2);
    let shown = home.store.replicas(office, late).await.unwrap();
    assert_eq!(shown.iter().map(|one| one.id).collect::<Vec<_>>(), [host(1)]);
    assert!(shown[0].connections.is_empty());
}
