//! Accounts and zones that have much to take with them.

use std::time::Duration;

use adit_core::{
    permission::{Choice, Grant, Reach, Resource},
    port::{
        AccountError, AccountFilter, Accounts as _, Change, Changes, Comparison, DnsRecordFilter,
        NewQuickTunnel, QuickTunnels as _, TextMatch, ZoneFilter, Zones as _,
    },
};
use adit_model::{AccountId, ConnectorId, TunnelSecret, ZoneId};

use crate::support::{ALL, actor, home, new_tunnel};

#[tokio::test]
async fn a_zone_with_thousands_of_records_goes_in_writes_that_let_others_by() {
    let home = home!();
    let name = "many.example".parse().unwrap();
    let zone = home
        .store
        .create_zone(home.account, name, &actor())
        .await
        .unwrap();
    let tunnel = home.tunnel("shop").await;
    home.tamper(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
         INSERT INTO dns_records (id, zone_id, kind, name, content, proxied, ttl, comment, tunnel_id, created_at,
             modified_at)
         SELECT 'record-' || i, '{}', 'CNAME', 'h' || i || '.many.example', '{}.cfargotunnel.com', TRUE, 1, '',
             t.tunnel_id, 1, 1
         FROM n, tunnels t",
        zone.id, tunnel.key.tunnel
    ))
    .await;
    let before = home.directory().snapshot().await.unwrap();
    assert_eq!(before.0.hosts.len(), 2500);

    let writes = home.hands.reads();
    let change = home.store.remove_zone(zone.id, &actor()).await.unwrap();
    assert_eq!(home.hands.reads() - writes, 3);
    assert_eq!(change.0 - before.1.0, 2500, "every name is told");
    let mut after = before.1;
    let mut told = std::collections::BTreeSet::new();
    while after < change {
        let Changes::Since { changes, upto } = home.directory().changes(after).await.unwrap() else {
            panic!("the history reaches that far");
        };
        told.extend(changes.into_iter().map(|change| match change {
            Change::Host(host, None) => host.to_string(),
            Change::Host(..)
            | Change::Limits(..)
            | Change::Mesh(_)
            | Change::Private(_)
            | Change::Site(..)
            | Change::Tunnel(..) => {
                panic!("{change:?}")
            }
        }));
        after = upto;
    }
    assert_eq!(told.len(), 2500);
    assert_eq!(home.directory().snapshot().await.unwrap().0.hosts, []);
}

#[tokio::test]
async fn an_account_with_a_long_past_goes_in_writes_that_let_others_by() {
    let home = home!();
    let account = home
        .store
        .add_account("old".to_owned(), &actor())
        .await
        .unwrap()
        .id;
    let new = new_tunnel(account, "busy");
    let busy = home.catalog().create_tunnel(new, &actor()).await.unwrap().0.key;
    let live = home.store.remove_account(account, &actor()).await;
    assert!(matches!(live, Err(AccountError::InUse(_))), "{live:?}");
    let closed = home.connect(busy, ConnectorId::random(), 0);
    home.wait_for_connections(busy, 1).await;
    home.disconnect(closed);
    home.wait_for_connections(busy, 0).await;
    home.delete(busy).await;
    let history = |new_id: &str| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
             INSERT INTO connections (connection_id, account_id, tunnel_id, connector_id, connection_index, protocol,
                 origin_ip, location, node_id, boot_id, opened_at, closed_at)
             SELECT {new_id}, c.account_id, c.tunnel_id, c.connector_id, 0, c.protocol, c.origin_ip, c.location,
                 c.node_id, c.boot_id, 1, 2
             FROM n, connections c"
        )
    };
    let (sqlite, postgres) = (history("randomblob(16)"), history("gen_random_uuid()"));
    home.place.run(&sqlite, &postgres).await;

    let writes = home.hands.reads();
    home.store.remove_account(account, &actor()).await.unwrap();
    assert_eq!(home.hands.reads() - writes, 3);
    assert_eq!(home.store.find_account(account).await.unwrap(), None);
    assert_eq!(home.texts("SELECT account_id FROM connections").await, [""; 0]);
}

#[tokio::test]
async fn quick_tunnels_go_on_when_their_account_was_deleted() {
    let home = home!();
    let quick = async |host: &str| {
        let new = NewQuickTunnel {
            host: host.parse().unwrap(),
            secret: TunnelSecret::new(vec![7; 32]).unwrap(),
        };
        home.store.create_quick_tunnel(new, 10, &actor()).await.unwrap().0
    };
    let first = quick("one.adit.localhost").await;
    home.store
        .sweep_quick_tunnels(home.hands.turn(Duration::from_secs(1000)))
        .await
        .unwrap();
    home.store.remove_account(first.account, &actor()).await.unwrap();
    let second = quick("two.adit.localhost").await;
    assert_ne!(first.account, second.account);
    assert!(home.store.find_account(second.account).await.unwrap().is_some());
}

#[tokio::test]
async fn a_credential_for_thousands_of_things_lists_those_that_are_there() {
    let home = home!();
    let accounts = (0..4000).map(|_| AccountId::random()).chain([home.account]);
    let accounts: Vec<_> = accounts
        .map(|account| Resource::Account(Choice::Only(account)))
        .collect();
    let zone = |of, zone| Resource::Zone {
        of,
        zone: Choice::Only(zone),
    };
    let zones = (0..4000).map(|_| ZoneId::random()).chain([home.zone]);
    let zones: Vec<_> = zones.map(|id| zone(None, id)).collect();
    let own = |account| {
        (0..4000)
            .map(|_| ZoneId::random())
            .chain([home.zone])
            .map(move |id| zone(Some(Choice::Only(account)), id))
    };
    let own_zones: Vec<_> = own(home.account).collect();
    let others_zones: Vec<_> = own(AccountId::random()).collect();
    let listed = async |allow: &[Resource], deny: &[Resource]| {
        let reach = Reach::These(vec![Grant {
            allow: allow.to_vec(),
            deny: deny.to_vec(),
        }]);
        let accounts = home
            .store
            .list_accounts(&reach, &AccountFilter::default(), ALL)
            .await
            .unwrap();
        let zones = home
            .catalog()
            .zones(&reach, &ZoneFilter::default(), ALL)
            .await
            .unwrap();
        (accounts.total, zones.total)
    };
    assert_eq!(listed(&accounts, &[]).await, (1, 1));
    assert_eq!(listed(&zones, &[]).await, (0, 1));
    assert_eq!(listed(&own_zones, &others_zones).await, (0, 1));
    assert_eq!(listed(&accounts, &own_zones).await, (1, 0));
    assert_eq!(listed(&zones, &accounts).await, (0, 0));
    assert_eq!(listed(&[], &[]).await, (0, 0));
}

#[tokio::test]
async fn a_list_may_have_thousands_of_conditions() {
    let home = home!();
    let names = (0..3000).map(|number| TextMatch::new(Comparison::NotEqual, format!("h{number}.example")));
    let filter = DnsRecordFilter {
        names: names.collect(),
        ..DnsRecordFilter::default()
    };
    let listed = home.catalog().dns_records(home.zone, &filter, ALL).await.unwrap();
    assert_eq!(listed.total, 0);
}
