//! Load balancers and pools, through their port and as edges see them.

use adit_core::{
    balancing::{Balanced, Outcome},
    port::{
        CatalogError, Change, ChangeNumber, Changes, HostTarget, LoadBalancer, LoadBalancerError,
        MOST_POOL_TUNNELS, NewBalancedRoute, Pool,
    },
};
use adit_model::{AccountId, HostPattern, TunnelId, TunnelKey, ZoneId};

use crate::support::{ALL, Home, actor, home, new_tunnel, route};

fn to(home: &Home, host: &str, pool: &str, tunnel: TunnelId) -> NewBalancedRoute {
    NewBalancedRoute {
        zone: home.zone,
        name: host.parse().unwrap(),
        pool: pool.parse().unwrap(),
        tunnel,
    }
}

async fn balance(
    home: &Home,
    host: &str,
    pool: &str,
    tunnel: TunnelKey,
) -> Result<(Balanced, ChangeNumber), LoadBalancerError> {
    let new = to(home, host, pool, tunnel.tunnel);
    home.catalog().balance_route(new, &actor()).await
}

/// Where these names lead, by name.
async fn leads(home: &Home) -> Vec<(String, Vec<TunnelKey>)> {
    let hosts = home.directory().snapshot().await.unwrap().0.hosts;
    let mut all: Vec<_> = hosts
        .into_iter()
        .map(|route| (route.pattern.to_string(), route.target.tunnels().to_vec()))
        .collect();
    all.sort();
    all
}

async fn since(home: &Home, after: ChangeNumber) -> Vec<Change> {
    match home.directory().changes(after).await.unwrap() {
        Changes::Since { changes, .. } => changes,
        Changes::TooOld => panic!("too old"),
    }
}

async fn pools(home: &Home) -> Vec<Pool> {
    home.catalog().pools(home.account, ALL).await.unwrap().items
}

async fn load_balancers(home: &Home) -> Vec<LoadBalancer> {
    home.catalog().load_balancers(home.zone, ALL).await.unwrap().items
}

fn sorted(mut tunnels: Vec<TunnelKey>) -> Vec<TunnelKey> {
    tunnels.sort();
    tunnels
}

#[tokio::test]
async fn a_name_leads_to_every_tunnel_of_its_pool() {
    let home = home!();
    let (one, two) = (home.tunnel("one").await.key, home.tunnel("two").await.key);
    let host: HostPattern = "a.adit.localhost".parse().unwrap();
    let (made, first) = balance(&home, "a.adit.localhost", "web", one).await.unwrap();
    assert_eq!((made.load_balancer, made.pool), (Outcome::New, Outcome::New));
    assert_eq!(leads(&home).await, [(host.to_string(), vec![one])]);

    let (joined, second) = balance(&home, "a.adit.localhost", "web", two).await.unwrap();
    assert_eq!(
        (joined.load_balancer, joined.pool),
        (Outcome::Unchanged, Outcome::Updated)
    );
    let both = sorted(vec![one, two]);
    assert_eq!(leads(&home).await, [(host.to_string(), both.clone())]);
    let told = Change::Host(host.clone(), HostTarget::of(both));
    assert_eq!(since(&home, first).await, [told]);

    let (again, third) = balance(&home, "a.adit.localhost", "web", two).await.unwrap();
    assert_eq!(
        (again.load_balancer, again.pool, third),
        (Outcome::Unchanged, Outcome::Unchanged, second),
        "nothing to tell"
    );

    balance(&home, "a.adit.localhost", "other", two).await.unwrap();
    assert_eq!(leads(&home).await, [(host.to_string(), vec![two])]);
    assert_eq!(since(&home, third).await, [Change::Host(host, Some(two.into()))]);
}

#[tokio::test]
async fn who_joins_a_pool_serves_all_of_its_names() {
    let home = home!();
    let (one, two) = (home.tunnel("one").await.key, home.tunnel("two").await.key);
    for host in ["a.adit.localhost", "*.b.adit.localhost"] {
        balance(&home, host, "web", one).await.unwrap();
    }
    let before = home.catalog().change_number().await.unwrap();
    balance(&home, "c.adit.localhost", "web", two).await.unwrap();
    let both = sorted(vec![one, two]);
    let all = ["*.b.adit.localhost", "a.adit.localhost", "c.adit.localhost"];
    assert_eq!(
        leads(&home).await,
        all.map(|host| (host.to_owned(), both.clone()))
    );
    assert_eq!(since(&home, before).await.len(), 3);
}

#[tokio::test]
async fn a_paused_zone_serves_none_of_its_load_balancers_and_a_removed_one_takes_them_along() {
    let home = home!();
    let one = home.tunnel("one").await.key;
    let (_, before) = balance(&home, "a.adit.localhost", "web", one).await.unwrap();
    let host: HostPattern = "a.adit.localhost".parse().unwrap();
    let (catalog, actor) = (home.catalog(), actor());
    catalog.pause_zone(home.zone, true, &actor).await.unwrap();
    assert_eq!(leads(&home).await, []);
    assert_eq!(since(&home, before).await, [Change::Host(host.clone(), None)]);
    let (_, before) = catalog.pause_zone(home.zone, false, &actor).await.unwrap();
    assert_eq!(leads(&home).await.len(), 1);

    catalog.remove_zone(home.zone, &actor).await.unwrap();
    assert_eq!(since(&home, before).await, [Change::Host(host, None)]);
    assert_eq!(pools(&home).await.len(), 1, "pools are the account's");
}

#[tokio::test]
async fn a_deleted_tunnel_stays_in_its_pool_until_it_is_removed_or_another_joins() {
    let home = home!();
    let (one, two) = (home.tunnel("one").await.key, home.tunnel("two").await.key);
    let three = home.tunnel("three").await.key;
    balance(&home, "a.adit.localhost", "web", one).await.unwrap();
    balance(&home, "a.adit.localhost", "web", two).await.unwrap();
    home.delete(one).await;
    let deleted = async || {
        let tunnels = pools(&home).await.remove(0).tunnels;
        tunnels.iter().map(|tunnel| tunnel.deleted).collect::<Vec<_>>()
    };
    assert_eq!(deleted().await, [true, false]);
    assert!(matches!(
        balance(&home, "b.adit.localhost", "web", one).await,
        Err(LoadBalancerError::NoTunnel)
    ));
    balance(&home, "a.adit.localhost", "web", three).await.unwrap();
    assert_eq!(deleted().await, [false, false]);

    let before = home.delete(two).await;
    let later = home
        .hands
        .turn(std::time::Duration::from_secs(100 * 24 * 60 * 60));
    home.store.sweep(later).await.unwrap();
    assert_eq!(leads(&home).await, [("a.adit.localhost".to_owned(), vec![three])]);
    let host: HostPattern = "a.adit.localhost".parse().unwrap();
    let told = since(&home, before).await;
    assert!(told.contains(&Change::Host(host, Some(three.into()))), "{told:?}");
}

#[tokio::test]
async fn a_name_is_a_records_or_a_load_balancers_and_never_both() {
    let home = home!();
    let one = home.tunnel("one").await.key;
    home.publish("a.adit.localhost", one.tunnel).await;
    let before = home.catalog().change_number().await.unwrap();
    let taken = balance(&home, "a.adit.localhost", "web", one).await;
    assert!(matches!(taken, Err(LoadBalancerError::HostTaken)));
    assert_eq!(pools(&home).await, [], "the pool went with the refusal");
    assert_eq!(home.catalog().change_number().await.unwrap(), before);

    balance(&home, "b.adit.localhost", "web", one).await.unwrap();
    let record = route("b.adit.localhost", one.tunnel);
    let taken = home
        .catalog()
        .create_dns_record(home.zone, record, &actor())
        .await;
    assert!(matches!(taken, Err(CatalogError::HostTaken)));
}

#[tokio::test]
async fn tunnels_and_names_of_others_are_refused() {
    let home = home!();
    let one = home.tunnel("one").await.key;
    let account = AccountId::random();
    home.store
        .create_account(account, "Other".to_owned())
        .await
        .unwrap();
    let theirs = home
        .catalog()
        .create_tunnel(new_tunnel(account, "theirs"), &actor())
        .await;
    let theirs = theirs.unwrap().0.key;
    assert!(matches!(
        balance(&home, "a.adit.localhost", "web", theirs).await,
        Err(LoadBalancerError::NoTunnel)
    ));
    assert!(matches!(
        balance(&home, "a.example.com", "web", one).await,
        Err(LoadBalancerError::NoZone)
    ));
    let nowhere = NewBalancedRoute {
        zone: ZoneId::random(),
        ..to(&home, "a.adit.localhost", "web", one.tunnel)
    };
    assert!(matches!(
        home.catalog().balance_route(nowhere, &actor()).await,
        Err(LoadBalancerError::NoZone)
    ));
}

#[tokio::test]
async fn a_pool_in_use_stays_and_one_that_nothing_leads_to_goes() {
    let home = home!();
    let one = home.tunnel("one").await.key;
    balance(&home, "a.adit.localhost", "web", one).await.unwrap();
    let (catalog, actor) = (home.catalog(), actor());
    let (pool, balancer) = (
        pools(&home).await.remove(0),
        load_balancers(&home).await.remove(0),
    );
    assert_eq!(balancer.pool, pool.id);
    assert_eq!(
        catalog.pool(home.account, pool.id).await.unwrap(),
        Some(pool.clone())
    );
    assert_eq!(
        catalog.load_balancer(home.zone, balancer.id).await.unwrap(),
        Some(balancer.clone())
    );
    assert!(matches!(
        catalog.delete_pool(home.account, pool.id, &actor).await,
        Err(LoadBalancerError::PoolInUse)
    ));
    assert!(matches!(
        catalog.delete_pool(AccountId::random(), pool.id, &actor).await,
        Err(LoadBalancerError::NoPool)
    ));
    assert!(matches!(
        catalog
            .delete_load_balancer(ZoneId::random(), balancer.id, &actor)
            .await,
        Err(LoadBalancerError::NoZone)
    ));
    let before = catalog.change_number().await.unwrap();
    catalog
        .delete_load_balancer(home.zone, balancer.id, &actor)
        .await
        .unwrap();
    assert_eq!(since(&home, before).await, [Change::Host(balancer.name, None)]);
    catalog.delete_pool(home.account, pool.id, &actor).await.unwrap();
    assert_eq!(
        (pools(&home).await, load_balancers(&home).await),
        (vec![], vec![])
    );
}

#[tokio::test]
async fn a_pool_has_a_bound() {
    let home = home!();
    for number in 0..MOST_POOL_TUNNELS {
        let tunnel = home.tunnel(&format!("t{number}")).await.key;
        balance(&home, "a.adit.localhost", "web", tunnel).await.unwrap();
    }
    let late = home.tunnel("late").await.key;
    assert!(matches!(
        balance(&home, "b.adit.localhost", "web", late).await,
        Err(LoadBalancerError::PoolFull)
    ));
    assert_eq!(load_balancers(&home).await.len(), 1);
}
