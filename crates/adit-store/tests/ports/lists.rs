//! Lists of tunnels in every state: the counters, the indexes and the rows tell the same.

use std::time::Duration;

use adit_core::port::{PageRequest, Tunnel, TunnelFilter};
use adit_model::{ConnectorId, TunnelStatus};

use crate::support::{ALL, Home, home};

const STATES: [Option<TunnelStatus>; 5] = [
    None,
    Some(TunnelStatus::Inactive),
    Some(TunnelStatus::Healthy),
    Some(TunnelStatus::Degraded),
    Some(TunnelStatus::Down),
];

async fn listed(home: &Home, filter: &TunnelFilter) -> Vec<Tunnel> {
    let page = home.catalog().tunnels(home.account, filter, ALL).await.unwrap();
    assert_eq!(page.total, page.items.len() as u64, "{filter:?}");
    let past = PageRequest { page: 2, ..ALL };
    let past = home.catalog().tunnels(home.account, filter, past).await.unwrap();
    assert_eq!((past.total, past.items.len()), (page.total, 0));
    page.items
}

/// Asks for every state, live, deleted and both, and for those that do and do not share the beginning of a name.
async fn every_state_is_told_alike(home: &Home) {
    let all = listed(home, &TunnelFilter::default()).await;
    for (status, deleted) in STATES
        .into_iter()
        .flat_map(|status| [None, Some(false), Some(true)].map(|deleted| (status, deleted)))
    {
        let expected = |passes: &dyn Fn(&str) -> bool| -> Vec<_> {
            all.iter()
                .filter(|tunnel| status.is_none_or(|status| tunnel.status == status))
                .filter(|tunnel| deleted.is_none_or(|deleted| tunnel.deleted_at.is_some() == deleted))
                .filter(|tunnel| passes(tunnel.name.as_str()))
                .map(|tunnel| tunnel.key)
                .collect()
        };
        let from_counters = TunnelFilter {
            status,
            deleted,
            ..TunnelFilter::default()
        };
        let mut cases = vec![(from_counters.clone(), expected(&|_| true))];
        for prefix in ["t", "t3", "x"] {
            let only = TunnelFilter {
                include_prefix: Some(prefix.to_owned()),
                ..from_counters.clone()
            };
            let without = TunnelFilter {
                exclude_prefix: Some(prefix.to_owned()),
                ..from_counters.clone()
            };
            cases.push((only, expected(&|name| name.starts_with(prefix))));
            cases.push((without, expected(&|name| !name.starts_with(prefix))));
        }
        for (filter, expected) in cases {
            let keys: Vec<_> = listed(home, &filter)
                .await
                .iter()
                .map(|tunnel| tunnel.key)
                .collect();
            assert_eq!(keys, expected, "{filter:?}");
        }
    }
}

#[tokio::test]
async fn totals_are_those_of_the_rows_whatever_happens_to_tunnels() {
    let home = home!();
    every_state_is_told_alike(&home).await;
    let mut tunnels = Vec::new();
    for number in 0..8 {
        tunnels.push(home.tunnel(&format!("t{number}")).await.key);
        home.hands.turn(Duration::from_secs(1));
    }
    every_state_is_told_alike(&home).await;

    let connector = ConnectorId::random();
    for tunnel in [tunnels[0], tunnels[1], tunnels[2]] {
        let second = home.connect(tunnel, connector, 1);
        let first = home.connect(tunnel, connector, 0);
        home.wait_for_connections(tunnel, 2).await;
        if tunnel != tunnels[0] {
            home.disconnect(second);
            home.wait_for_connections(tunnel, 1).await;
        }
        if tunnel == tunnels[2] {
            home.disconnect(first);
            home.wait_for_connections(tunnel, 0).await;
        }
    }
    every_state_is_told_alike(&home).await;

    for tunnel in [tunnels[1], tunnels[2], tunnels[3]] {
        home.delete(tunnel).await;
    }
    every_state_is_told_alike(&home).await;

    let later = home.hands.turn(Duration::from_secs(60 * 60 * 24 * 365));
    home.store.sweep(later).await.unwrap();
    assert_eq!(listed(&home, &TunnelFilter::default()).await.len(), 5);
    every_state_is_told_alike(&home).await;

    let home = home.reopen().await;
    every_state_is_told_alike(&home).await;
}
