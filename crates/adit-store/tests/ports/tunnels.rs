//! The catalogue of tunnels, through its port.

use std::time::Duration;

use crate::support::{ALL, Home, actor, home, new_tunnel};
use adit_core::port::{CatalogError, PageRequest, Tunnel, TunnelFilter};
use adit_model::{AccountId, TunnelId, TunnelKey, TunnelStatus};

fn names(tunnels: &[Tunnel]) -> Vec<&str> {
    tunnels.iter().map(|tunnel| tunnel.name.as_str()).collect()
}

async fn listed(home: &Home, filter: TunnelFilter) -> Vec<String> {
    let page = home.catalog().tunnels(home.account, &filter, ALL).await.unwrap();
    assert_eq!(page.total, page.items.len() as u64);
    names(&page.items).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_new_tunnel_is_inactive_since_it_was_made_and_keeps_its_secret() {
    let home = home!();
    let made = home.tunnel("blog").await;
    assert_eq!(made.status, TunnelStatus::Inactive);
    assert_eq!(
        (made.active_since, made.inactive_since),
        (None, Some(made.created_at))
    );

    let found = home.get(made.key).await;
    assert_eq!(format!("{found:?}"), format!("{made:?}"));
    let secret = home
        .catalog()
        .tunnel_secret(made.key, adit_model::TunnelKind::CfdTunnel)
        .await
        .unwrap();
    assert_eq!(secret.expose(), home.new_tunnel("blog").secret.expose());
}

#[tokio::test]
async fn a_name_is_unique_among_the_live_tunnels_of_an_account() {
    let home = home!();
    let first = home.tunnel("blog").await;
    assert!(
        matches!(home.create("blog").await, Err(CatalogError::NameTaken(name)) if name.as_str() == "blog")
    );

    home.delete(first.key).await;
    home.create("blog").await.unwrap();

    let other = AccountId::random();
    home.store
        .create_account(other, "Other".to_owned())
        .await
        .unwrap();
    home.catalog()
        .create_tunnel(new_tunnel(other, "blog"), &actor())
        .await
        .unwrap();
}

#[tokio::test]
async fn one_uuid_may_name_a_tunnel_in_each_of_two_accounts() {
    let home = home!();
    let (other, id) = (AccountId::random(), TunnelId::random());
    home.store
        .create_account(other, "Other".to_owned())
        .await
        .unwrap();
    home.store
        .adopt_tunnel(id, home.new_tunnel("ours"), &actor())
        .await
        .unwrap();
    home.store
        .adopt_tunnel(id, new_tunnel(other, "theirs"), &actor())
        .await
        .unwrap();

    let (ours, theirs) = (
        TunnelKey {
            account: home.account,
            tunnel: id,
        },
        TunnelKey {
            account: other,
            tunnel: id,
        },
    );
    home.delete(ours).await;
    assert!(home.get(ours).await.deleted_at.is_some());
    assert!(home.get(theirs).await.deleted_at.is_none());
    assert_eq!(home.get(theirs).await.name.as_str(), "theirs");
    assert!(matches!(
        home.store
            .adopt_tunnel(id, home.new_tunnel("again"), &actor())
            .await,
        Err(CatalogError::Store(_))
    ));
}

#[tokio::test]
async fn a_deleted_tunnel_is_still_found_and_gives_no_secret() {
    let home = home!();
    let made = home.tunnel("blog").await;
    home.delete(made.key).await;
    let deleted_at = home.get(made.key).await.deleted_at;
    assert_eq!(deleted_at, Some(home.hands.now()));
    assert!(matches!(
        home.catalog()
            .tunnel_secret(made.key, adit_model::TunnelKind::CfdTunnel)
            .await,
        Err(CatalogError::NoTunnel)
    ));

    home.hands.turn(Duration::from_secs(5));
    let before = home.catalog().change_number().await.unwrap();
    assert_eq!(home.delete(made.key).await, before, "nothing changed");
    assert_eq!(home.get(made.key).await.deleted_at, deleted_at);

    let unknown = TunnelKey {
        tunnel: TunnelId::random(),
        ..made.key
    };
    assert!(home.catalog().tunnel(unknown).await.unwrap().is_none());
    assert!(matches!(
        home.catalog().delete_tunnel(unknown, false, &actor()).await,
        Err(CatalogError::NoTunnel)
    ));
}

#[tokio::test]
async fn another_account_cannot_reach_a_tunnel() {
    let home = home!();
    let made = home.tunnel("blog").await;
    let theirs = TunnelKey {
        account: AccountId::random(),
        ..made.key
    };
    assert!(home.catalog().tunnel(theirs).await.unwrap().is_none());
    assert!(matches!(
        home.catalog()
            .tunnel_secret(theirs, adit_model::TunnelKind::CfdTunnel)
            .await,
        Err(CatalogError::NoTunnel)
    ));
    assert!(matches!(
        home.catalog().delete_tunnel(theirs, false, &actor()).await,
        Err(CatalogError::NoTunnel)
    ));
}

#[tokio::test]
async fn a_list_is_newest_first_and_ends_with_an_empty_page() {
    let home = home!();
    for name in ["one", "two", "three"] {
        home.tunnel(name).await;
    }
    let page = async |page| {
        let request = PageRequest { page, per_page: 2 };
        let page = home
            .catalog()
            .tunnels(home.account, &TunnelFilter::default(), request)
            .await
            .unwrap();
        assert_eq!(page.total, 3);
        page.items
    };
    assert_eq!(names(&page(1).await), ["three", "two"]);
    assert_eq!(names(&page(2).await), ["one"]);
    assert_eq!(names(&page(3).await), [""; 0]);
    assert_eq!(names(&page(u32::MAX).await), [""; 0]);
}

#[tokio::test]
async fn every_filter_narrows_the_list() {
    let home = home!();
    let web = home.tunnel("web-1").await;
    let gone = home.tunnel("web-2").await;
    home.tunnel("Web_3").await;
    home.tunnel("api").await;
    let deleted = home.hands.turn(Duration::from_secs(10));
    home.delete(gone.key).await;
    let any = TunnelFilter::default;
    let text = |text: &str| Some(text.to_owned());

    assert_eq!(listed(&home, any()).await, ["api", "Web_3", "web-2", "web-1"]);
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                id: Some(web.key.tunnel),
                ..any()
            }
        )
        .await,
        ["web-1"]
    );
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                name: text("api"),
                ..any()
            }
        )
        .await,
        ["api"]
    );
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                include_prefix: text("web"),
                ..any()
            }
        )
        .await,
        ["web-2", "web-1"]
    );
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                include_prefix: text("web_"),
                ..any()
            }
        )
        .await,
        [""; 0]
    );
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                include_prefix: text("%"),
                ..any()
            }
        )
        .await,
        [""; 0]
    );
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                include_prefix: text(""),
                ..any()
            }
        )
        .await
        .len(),
        4
    );
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                exclude_prefix: text("web"),
                ..any()
            }
        )
        .await,
        ["api", "Web_3"]
    );
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                exclude_prefix: text(""),
                ..any()
            }
        )
        .await
        .len(),
        4
    );
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                deleted: Some(true),
                ..any()
            }
        )
        .await,
        ["web-2"]
    );
    assert_eq!(
        listed(
            &home,
            TunnelFilter {
                deleted: Some(false),
                ..any()
            }
        )
        .await,
        ["api", "Web_3", "web-1"]
    );
    let at = |at| TunnelFilter {
        existed_at: Some(at),
        ..any()
    };
    assert_eq!(listed(&home, at(gone.created_at)).await, ["web-2", "web-1"]);
    assert_eq!(listed(&home, at(deleted)).await.len(), 4);
    assert_eq!(
        listed(&home, at(home.hands.turn(Duration::from_secs(1))))
            .await
            .len(),
        3
    );
    let inactive = TunnelFilter {
        status: Some(TunnelStatus::Inactive),
        ..any()
    };
    assert_eq!(listed(&home, inactive).await.len(), 4);
    let all = TunnelFilter {
        include_prefix: text("w"),
        exclude_prefix: text("web-2"),
        ..any()
    };
    assert_eq!(listed(&home, all).await, ["web-1"]);
}

#[tokio::test]
async fn hostile_texts_in_filters_only_match_nothing() {
    let home = home!();
    home.tunnel("blog").await;
    for text in ["'; DROP TABLE tunnels; --", "\0", "b\0", "😀", "_log", "b%"] {
        for filter in [
            TunnelFilter {
                name: Some(text.to_owned()),
                ..TunnelFilter::default()
            },
            TunnelFilter {
                include_prefix: Some(text.to_owned()),
                ..TunnelFilter::default()
            },
        ] {
            assert_eq!(listed(&home, filter).await, [""; 0], "{text:?}");
        }
    }
}
