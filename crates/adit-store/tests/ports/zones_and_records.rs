//! Zones and DNS records, through the catalogue's port.

use crate::support::{ALL, actor, home, route};
use adit_core::permission::{Policy, Reach, ZONE_READ};
use adit_core::port::{
    CatalogError, Comparison, DnsRecordFilter, DnsRecordKind, NewDnsRecord, PageRequest, RecordSettings,
    TextMatch, ZoneFilter,
};

use adit_model::{AccountId, Hostname, RecordId, TunnelId, ZoneId};
use adit_store::ZoneError;

fn host(name: &str) -> Hostname {
    name.parse().unwrap()
}

fn address(name: &str, content: &str) -> NewDnsRecord {
    NewDnsRecord {
        kind: DnsRecordKind::A,
        name: name.parse().unwrap(),
        content: content.to_owned(),
        proxied: false,
        ttl: 300,
        comment: "by hand".to_owned(),
        tags: Vec::new(),
        settings: RecordSettings::default(),
    }
}

#[tokio::test]
async fn a_zone_above_below_or_equal_to_another_accounts_is_refused() {
    let home = home!();
    let other = AccountId::random();
    home.store
        .create_account(other, "Other".to_owned())
        .await
        .unwrap();
    home.store
        .create_zone(home.account, host("a_b.example.com"), &actor())
        .await
        .unwrap();

    for taken in [
        "adit.localhost",
        "localhost",
        "x.y.adit.localhost",
        "example.com",
        "com",
        "z.a_b.example.com",
    ] {
        let refused = home.store.create_zone(other, host(taken), &actor()).await;
        assert!(matches!(refused, Err(ZoneError::Overlaps(_))), "{taken}");
    }
    for free in ["axb.example.com", "notadit.localhost", "b.example.com"] {
        home.store.create_zone(other, host(free), &actor()).await.unwrap();
    }

    home.store
        .create_zone(home.account, host("deep.adit.localhost"), &actor())
        .await
        .unwrap();
    let again = home
        .store
        .create_zone(home.account, host("adit.localhost"), &actor())
        .await;
    assert!(matches!(again, Err(ZoneError::Exists(_))));
    let nobody = home
        .store
        .create_zone(AccountId::random(), host("free.example"), &actor())
        .await;
    assert!(matches!(nobody, Err(ZoneError::NoAccount)));
}

#[tokio::test]
async fn zones_are_found_by_id_name_and_account() {
    let home = home!();
    home.hands.turn(std::time::Duration::from_secs(1));
    let second = home
        .store
        .create_zone(home.account, host("example.com"), &actor())
        .await
        .unwrap();
    let catalog = home.catalog();
    assert_eq!(catalog.zone(second.id).await.unwrap(), Some(second.clone()));
    assert_eq!(catalog.zone(ZoneId::random()).await.unwrap(), None);

    let all = catalog
        .zones(&Reach::Everything, &ZoneFilter::default(), ALL)
        .await
        .unwrap();
    assert_eq!((all.items.len(), all.total), (2, 2));
    assert_eq!(all.items[0], second);
    assert_eq!(
        (all.items[1].id, all.items[1].account_name.as_str()),
        (home.zone, "Test")
    );
    let sees = |account| Reach::of(&Policy::everything_in(account), ZONE_READ);
    let named = ZoneFilter {
        name: Some(TextMatch::new(Comparison::Equal, "example.com")),
        ..ZoneFilter::default()
    };
    assert_eq!(
        catalog
            .zones(&sees(home.account), &named, ALL)
            .await
            .unwrap()
            .items,
        [second]
    );
    assert_eq!(
        catalog
            .zones(&sees(AccountId::random()), &named, ALL)
            .await
            .unwrap()
            .total,
        0
    );
}

#[tokio::test]
async fn a_record_is_made_changed_and_removed() {
    let home = home!();
    let catalog = home.catalog();
    let new = address("shop.adit.localhost", "192.0.2.1");
    let (made, _) = catalog
        .create_dns_record(home.zone, new.clone(), &actor())
        .await
        .unwrap();
    assert_eq!(
        catalog.dns_record(home.zone, made.id).await.unwrap(),
        Some(made.clone())
    );
    assert_eq!(catalog.dns_record(ZoneId::random(), made.id).await.unwrap(), None);

    home.hands.turn(std::time::Duration::from_secs(1));
    let change = address("shop.adit.localhost", "192.0.2.2");
    let (changed, _) = catalog
        .update_dns_record(home.zone, made.id, change, &actor())
        .await
        .unwrap();
    assert_eq!((changed.id, changed.created_at), (made.id, made.created_at));
    assert_eq!(
        (changed.content.as_str(), changed.modified_at),
        ("192.0.2.2", home.hands.now())
    );

    catalog
        .delete_dns_record(home.zone, made.id, &actor())
        .await
        .unwrap();
    assert_eq!(catalog.dns_record(home.zone, made.id).await.unwrap(), None);
    let gone = catalog.delete_dns_record(home.zone, made.id, &actor()).await;
    assert!(matches!(gone, Err(CatalogError::NoRecord)));
    let gone = catalog
        .update_dns_record(home.zone, RecordId::random(), new.clone(), &actor())
        .await;
    assert!(matches!(gone, Err(CatalogError::NoRecord)));
    let nowhere = catalog.create_dns_record(ZoneId::random(), new, &actor()).await;
    assert!(matches!(nowhere, Err(CatalogError::NoZone)));
}

#[tokio::test]
async fn a_name_has_one_record_and_lies_in_its_zone() {
    let home = home!();
    let catalog = home.catalog();
    let deep = home
        .store
        .create_zone(home.account, host("deep.adit.localhost"), &actor())
        .await
        .unwrap();
    let create = async |zone, name: &str| {
        catalog
            .create_dns_record(zone, address(name, "192.0.2.1"), &actor())
            .await
            .map(|(record, _)| record)
    };
    create(home.zone, "a.deep.adit.localhost").await.unwrap();
    let other = create(home.zone, "*.adit.localhost").await.unwrap();

    assert!(matches!(
        create(deep.id, "a.deep.adit.localhost").await,
        Err(CatalogError::HostTaken)
    ));
    assert!(matches!(
        create(deep.id, "b.adit.localhost").await,
        Err(CatalogError::NoZone)
    ));
    assert!(matches!(
        create(home.zone, "example.com").await,
        Err(CatalogError::NoZone)
    ));
    let moved = address("a.deep.adit.localhost", "192.0.2.9");
    let moved = catalog
        .update_dns_record(home.zone, other.id, moved, &actor())
        .await;
    assert!(matches!(moved, Err(CatalogError::HostTaken)));
}

#[tokio::test]
async fn records_are_listed_by_name_and_filtered() {
    let home = home!();
    let (catalog, tunnel) = (home.catalog(), TunnelId::random());
    for name in ["c", "a", "b"] {
        let new = address(&format!("{name}.adit.localhost"), "192.0.2.1");
        catalog.create_dns_record(home.zone, new, &actor()).await.unwrap();
    }
    home.publish("web.adit.localhost", tunnel).await;
    let list = async |filter: DnsRecordFilter, page| {
        let page = catalog.dns_records(home.zone, &filter, page).await.unwrap();
        (
            page.items
                .iter()
                .map(|record| record.name.to_string())
                .collect::<Vec<_>>(),
            page.total,
        )
    };
    let any = DnsRecordFilter::default;

    let (names, total) = list(any(), PageRequest { page: 1, per_page: 2 }).await;
    assert_eq!(
        (names, total),
        (
            vec!["a.adit.localhost".to_owned(), "b.adit.localhost".to_owned()],
            4
        )
    );
    assert_eq!(
        list(any(), PageRequest { page: 9, per_page: 2 }).await,
        (vec![], 4)
    );
    let only = |name: &str| (vec![name.to_owned()], 1);
    let web = only("web.adit.localhost");
    assert_eq!(
        list(
            DnsRecordFilter {
                kind: Some(DnsRecordKind::Cname),
                ..any()
            },
            ALL
        )
        .await,
        web
    );
    assert_eq!(
        list(
            DnsRecordFilter {
                proxied: Some(true),
                ..any()
            },
            ALL
        )
        .await,
        web
    );
    let content = Some(format!("{tunnel}.cfargotunnel.com"));
    assert_eq!(list(DnsRecordFilter { content, ..any() }, ALL).await, web);
    let name = Some("b.adit.localhost".parse().unwrap());
    assert_eq!(
        list(DnsRecordFilter { name, ..any() }, ALL).await,
        only("b.adit.localhost")
    );
}

#[tokio::test]
async fn every_change_leaves_its_audit_record_and_a_refused_one_none() {
    let home = home!();
    let tunnel = home.tunnel("blog").await;
    assert!(home.create("blog").await.is_err());
    let new = route("a.adit.localhost", tunnel.key.tunnel);
    let (record, _) = home
        .catalog()
        .create_dns_record(home.zone, new, &actor())
        .await
        .unwrap();
    home.catalog()
        .delete_dns_record(home.zone, record.id, &actor())
        .await
        .unwrap();
    home.delete(tunnel.key).await;
    home.delete(tunnel.key).await;

    let actions = home
        .texts("SELECT action FROM audit_log WHERE actor = 'token:test' ORDER BY id")
        .await;
    assert_eq!(
        actions,
        [
            "tunnel.create",
            "dns_record.create",
            "dns_record.delete",
            "tunnel.delete"
        ]
    );
    let from = home
        .texts("SELECT DISTINCT address || ' ' || request_id FROM audit_log WHERE address <> ''")
        .await;
    assert_eq!(from, ["127.0.0.1 r1"]);
}

#[tokio::test]
async fn a_host_name_is_in_the_longest_zone_of_the_account_within_reach() {
    let home = home!();
    let catalog = home.catalog();
    let mut zones = Vec::new();
    for name in ["example.com", "deep.example.com"] {
        let actor = actor();
        let made = home.store.create_zone(home.account, host(name), &actor);
        zones.push(made.await.unwrap());
    }
    let everywhere = Reach::Everything;
    let of_account = Reach::of(&Policy::everything_in(home.account), ZONE_READ);
    let of_nobody = Reach::These(Vec::new());
    for (name, reach, found) in [
        ("www.deep.example.com", &everywhere, Some(&zones[1])),
        ("deep.example.com", &of_account, Some(&zones[1])),
        ("notdeep.example.com", &of_account, Some(&zones[0])),
        ("example.com", &everywhere, Some(&zones[0])),
        ("com", &everywhere, None),
        ("www.deep.example.com", &of_nobody, None),
    ] {
        let zone = catalog.zone_of_host(reach, home.account, &host(name)).await;
        assert_eq!(zone.unwrap().as_ref(), found, "{name}");
    }
    let longest = host(&format!("{}example.com", "a.".repeat(120)));
    let zone = catalog.zone_of_host(&everywhere, home.account, &longest).await;
    assert_eq!(zone.unwrap().as_ref(), Some(&zones[0]));
    let foreign = catalog.zone_of_host(&everywhere, AccountId::random(), &longest);
    assert_eq!(foreign.await.unwrap(), None);
}

#[tokio::test]
async fn the_owners_of_any_number_of_zones_are_looked_up_together() {
    let home = home!();
    let mut zones: Vec<ZoneId> = (0..600).map(|_| ZoneId::random()).collect();
    zones.push(home.zone);
    let owners = home.catalog().owners_of_zones(&zones).await.unwrap();
    assert_eq!(
        owners.into_iter().collect::<Vec<_>>(),
        [(home.zone, home.account)]
    );
    assert!(home.catalog().owners_of_zones(&[]).await.unwrap().is_empty());
}
