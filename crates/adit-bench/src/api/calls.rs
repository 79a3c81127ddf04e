//! Calls that read, one at a time, and the SQL of lists without anything around it.

use std::time::Instant;

use adit_core::{
    permission::Reach,
    port::{
        Catalog as _, DnsRecordFilter, Networks as _, PageRequest, RouteFilter, TunnelFilter, ZoneFilter,
    },
};
use adit_model::{Timestamp, TunnelStatus};
use adit_store::statements::{Reader, Statements, noted};
use anyhow::ensure;

use super::{Population, Scale, Times, server::Api, table::CallLine};
use crate::say;

/// The longest a call may take at the 99th percentile, in milliseconds.
const GET: f64 = 2.0;
const FILTERED: f64 = 20.0;
const OTHER: f64 = 100.0;
/// Calls before those that are timed: caches fill.
const WARM_UP: usize = 10;

const PAGE: PageRequest = PageRequest {
    page: 1,
    per_page: 100,
};

/// What a call lists, to find its statements.
enum Listed {
    /// It is no list.
    Nothing,
    Tunnels(Box<TunnelFilter>, PageRequest),
    Records(DnsRecordFilter),
    Routes(RouteFilter),
    Zones,
}

struct Call {
    name: &'static str,
    path: String,
    most_ms: f64,
    listed: Listed,
}

pub(super) async fn measure(
    api: &Api,
    population: &Population,
    scale: Scale,
) -> anyhow::Result<Vec<CallLine>> {
    let mut client = api.client().await?;
    let mut lines = Vec::new();
    for call in calls(api, population, scale) {
        let statements = statements(api, &call.listed).await?;
        let mut reader = Reader::new(&api.store).await?;
        let mut over_http = Vec::with_capacity(scale.calls);
        let mut bare = Vec::with_capacity(scale.calls);
        // The two take turns, so that what else the machine does meets both.
        for round in 0..scale.calls + WARM_UP {
            let start = Instant::now();
            client.get(&call.path).await?;
            let took = start.elapsed();
            let start = Instant::now();
            if let Some(statements) = &statements {
                reader.run(statements).await?;
            }
            if round >= WARM_UP {
                over_http.push(took);
                bare.push(start.elapsed());
            }
        }
        let bare = statements.is_some().then(|| Times::sorted(bare));
        let line = CallLine::new(call.name, &Times::sorted(over_http), call.most_ms, bare.as_ref());
        say(&line.to_string());
        lines.push(line);
    }
    Ok(lines)
}

/// What the store asks its database for a list: total, page, and what belongs to its items. The credential's are not
/// among it.
async fn statements(api: &Api, listed: &Listed) -> anyhow::Result<Option<Statements>> {
    let store = &api.store;
    let (found, statements) = match listed {
        Listed::Nothing => return Ok(None),
        Listed::Tunnels(filter, page) => {
            let (found, statements) = noted(store.tunnels(api.account, filter, *page)).await;
            (found.map(drop)?, statements)
        }
        Listed::Routes(filter) => {
            let (found, statements) = noted(store.routes(api.account, filter, PAGE)).await;
            (found.map(drop)?, statements)
        }
        Listed::Records(filter) => {
            let (found, statements) = noted(store.dns_records(api.zone, filter, PAGE)).await;
            (found.map(drop)?, statements)
        }
        Listed::Zones => {
            let all = ZoneFilter::default();
            let (found, statements) = noted(store.zones(&Reach::Everything, &all, PAGE)).await;
            (found.map(drop)?, statements)
        }
    };
    let () = found;
    ensure!(!statements.is_empty(), "a list without statements");
    Ok(Some(statements))
}

fn calls(api: &Api, population: &Population, scale: Scale) -> Vec<Call> {
    let all = format!("/accounts/{}/cfd_tunnel", api.account);
    let (some, some_name) = (population.some.0, population.some.1.clone());
    let call = |name, path, most_ms, listed| Call {
        name,
        path,
        most_ms,
        listed,
    };
    let list = |name, query: &str, most_ms, filter: TunnelFilter| {
        let path = format!("{all}?per_page=100{query}");
        call(name, path, most_ms, Listed::Tunnels(Box::new(filter), PAGE))
    };
    let plain = TunnelFilter::default;
    let status = |status| TunnelFilter {
        status: Some(status),
        ..plain()
    };
    let deleted = |deleted| TunnelFilter {
        deleted: Some(deleted),
        ..plain()
    };
    let prefix = |prefix: &str| TunnelFilter {
        include_prefix: Some(prefix.to_owned()),
        ..plain()
    };
    let now = Timestamp::from(std::time::SystemTime::now());
    let at = |parameter| format!("&{parameter}={}", now.to_string().replace('+', "%2B"));
    let deep = PageRequest {
        page: u32::try_from(scale.tunnels / 110).unwrap_or(u32::MAX),
        per_page: 100,
    };
    vec![
        call("get", format!("{all}/{some}"), GET, Listed::Nothing),
        call(
            "get a connected one",
            format!("{all}/{}", population.connected),
            GET,
            Listed::Nothing,
        ),
        list(
            "list by name",
            &format!("&name={some_name}"),
            FILTERED,
            TunnelFilter {
                name: Some(some_name.clone()),
                ..plain()
            },
        ),
        list(
            "list by name, is_deleted=false",
            &format!("&name={some_name}&is_deleted=false"),
            FILTERED,
            TunnelFilter {
                name: Some(some_name.clone()),
                ..deleted(false)
            },
        ),
        list(
            "list by uuid",
            &format!("&uuid={some}"),
            FILTERED,
            TunnelFilter {
                id: Some(some),
                ..plain()
            },
        ),
        list(
            "list status=inactive",
            "&status=inactive",
            FILTERED,
            status(TunnelStatus::Inactive),
        ),
        list(
            "list status=healthy",
            "&status=healthy",
            FILTERED,
            status(TunnelStatus::Healthy),
        ),
        list(
            "list status=degraded",
            "&status=degraded",
            FILTERED,
            status(TunnelStatus::Degraded),
        ),
        list(
            "list status=down",
            "&status=down",
            FILTERED,
            status(TunnelStatus::Down),
        ),
        list(
            "list is_deleted=false",
            "&is_deleted=false",
            FILTERED,
            deleted(false),
        ),
        list(
            "list is_deleted=true",
            "&is_deleted=true",
            FILTERED,
            deleted(true),
        ),
        list(
            "list by a prefix of one in 100",
            "&include_prefix=tunnel-42",
            FILTERED,
            prefix("tunnel-42"),
        ),
        list(
            "list by a prefix of all",
            "&include_prefix=tunnel-",
            FILTERED,
            prefix("tunnel-"),
        ),
        list(
            "list by a prefix of none",
            "&include_prefix=x",
            FILTERED,
            prefix("x"),
        ),
        list("list all", "", OTHER, plain()),
        list(
            "list without a prefix",
            "&exclude_prefix=tunnel-42",
            OTHER,
            TunnelFilter {
                exclude_prefix: Some("tunnel-42".to_owned()),
                ..plain()
            },
        ),
        list(
            "list existed_at",
            &at("existed_at"),
            OTHER,
            TunnelFilter {
                existed_at: Some(now),
                ..plain()
            },
        ),
        list(
            "list was_active_at",
            &at("was_active_at"),
            OTHER,
            TunnelFilter {
                was_active_at: Some(now),
                ..plain()
            },
        ),
        list(
            "list was_inactive_at",
            &at("was_inactive_at"),
            OTHER,
            TunnelFilter {
                was_inactive_at: Some(now),
                ..plain()
            },
        ),
        call(
            "list, a page near the end",
            format!("{all}?per_page=100&page={}", deep.page),
            OTHER,
            Listed::Tunnels(Box::new(plain()), deep),
        ),
        call(
            "list, a page of 1000",
            format!("{all}?per_page=1000"),
            OTHER,
            Listed::Tunnels(
                Box::new(plain()),
                PageRequest {
                    page: 1,
                    per_page: 1000,
                },
            ),
        ),
        call(
            "connectors of a tunnel",
            format!("{all}/{}/connections", population.connected),
            OTHER,
            Listed::Nothing,
        ),
        call("token", format!("{all}/{some}/token"), OTHER, Listed::Nothing),
        call("zones", "/zones?per_page=50".to_owned(), OTHER, Listed::Zones),
        call(
            "records",
            format!("/zones/{}/dns_records?per_page=100", api.zone),
            OTHER,
            Listed::Records(DnsRecordFilter::default()),
        ),
        call(
            "routes",
            format!("/accounts/{}/teamnet/routes?per_page=100", api.account),
            OTHER,
            Listed::Routes(RouteFilter::default()),
        ),
        call(
            "route of an address",
            format!("/accounts/{}/teamnet/routes/ip/10.7.9.1", api.account),
            OTHER,
            Listed::Nothing,
        ),
    ]
}
