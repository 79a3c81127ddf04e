//! Calls that read, one at a time, over HTTP and without.

use adit_core::{
    permission::Reach,
    port::{
        ApiCredential, Catalog as _, DnsRecordFilter, Login as _, Networks as _, PageRequest, RouteFilter,
        TunnelFilter, ZoneFilter,
    },
};
use adit_model::{Timestamp, TunnelKey, TunnelStatus};

use super::{
    Line, Population, Scale, Times,
    server::{Api, TOKEN},
};
use crate::say;

/// The longest a call may take at the 99th percentile, in milliseconds.
const GET: f64 = 2.0;
const FILTERED: f64 = 20.0;
const OTHER: f64 = 100.0;
/// The most times that a list may cost what its port costs, at the median.
const RATIO: f64 = 3.0;

const PAGE: PageRequest = PageRequest {
    page: 1,
    per_page: 100,
};

enum Without {
    Nothing,
    Tunnel(TunnelKey),
    Tunnels(Box<TunnelFilter>, PageRequest),
    Records(DnsRecordFilter),
    Routes(RouteFilter),
    Zones,
}

struct Call {
    name: &'static str,
    path: String,
    most_ms: f64,
    without: Without,
}

pub(super) async fn measure(api: &Api, population: &Population, scale: Scale) -> anyhow::Result<Vec<Line>> {
    let mut client = api.client().await?;
    let mut lines = Vec::new();
    for call in calls(api, population, scale) {
        let mut over_http = Vec::with_capacity(scale.calls);
        let mut without = Vec::with_capacity(scale.calls);
        // The two take turns, so that what else the machine does meets both.
        for round in 0..scale.calls + 10 {
            let start = std::time::Instant::now();
            client.get(&call.path).await?;
            let took = start.elapsed();
            let start = std::time::Instant::now();
            ask(api, &call.without).await?;
            if round >= 10 {
                over_http.push(took);
                without.push(start.elapsed());
            }
        }
        let (over_http, without) = (Times::sorted(over_http), Times::sorted(without));
        let ratio = match call.without {
            Without::Nothing | Without::Tunnel(_) => None,
            Without::Tunnels(..) | Without::Records(_) | Without::Routes(_) | Without::Zones => {
                Some(over_http.quantile_ms(0.5) / without.quantile_ms(0.5))
            }
        };
        let line = Line::call(call.name, &over_http, &without, call.most_ms, ratio, RATIO);
        say(&line.to_string());
        lines.push(line);
    }
    Ok(lines)
}

/// Runs the SQL of a call through the port, that of authentication included.
async fn ask(api: &Api, without: &Without) -> anyhow::Result<()> {
    api.store.authenticate(ApiCredential::Token(TOKEN)).await?;
    match without {
        Without::Nothing => {}
        Without::Tunnel(key) => drop(api.store.tunnel(*key).await?),
        Without::Tunnels(filter, page) => drop(api.store.tunnels(api.account, filter, *page).await?),
        Without::Routes(filter) => drop(api.store.routes(api.account, filter, PAGE).await?),
        Without::Records(filter) => drop(api.store.dns_records(api.zone, filter, PAGE).await?),
        Without::Zones => drop(
            api.store
                .zones(&Reach::Everything, &ZoneFilter::default(), PAGE)
                .await?,
        ),
    }
    Ok(())
}

fn calls(api: &Api, population: &Population, scale: Scale) -> Vec<Call> {
    let all = format!("/accounts/{}/cfd_tunnel", api.account);
    let (some, some_name) = (population.some.0, population.some.1.clone());
    let key = |tunnel| TunnelKey {
        account: api.account,
        tunnel,
    };
    let call = |name, path, most_ms, without| Call {
        name,
        path,
        most_ms,
        without,
    };
    let list = |name, query: &str, most_ms, filter: TunnelFilter| {
        let path = format!("{all}?per_page=100{query}");
        call(name, path, most_ms, Without::Tunnels(Box::new(filter), PAGE))
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
        call("get", format!("{all}/{some}"), GET, Without::Tunnel(key(some))),
        call(
            "get a connected one",
            format!("{all}/{}", population.connected),
            GET,
            Without::Tunnel(key(population.connected)),
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
            Without::Tunnels(Box::new(plain()), deep),
        ),
        call(
            "list, a page of 1000",
            format!("{all}?per_page=1000"),
            OTHER,
            Without::Tunnels(
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
            Without::Nothing,
        ),
        call("token", format!("{all}/{some}/token"), OTHER, Without::Nothing),
        call("zones", "/zones?per_page=50".to_owned(), OTHER, Without::Zones),
        call(
            "records",
            format!("/zones/{}/dns_records?per_page=100", api.zone),
            OTHER,
            Without::Records(DnsRecordFilter::default()),
        ),
        call(
            "routes",
            format!("/accounts/{}/teamnet/routes?per_page=100", api.account),
            OTHER,
            Without::Routes(RouteFilter::default()),
        ),
        call(
            "route of an address",
            format!("/accounts/{}/teamnet/routes/ip/10.7.9.1", api.account),
            OTHER,
            Without::Nothing,
        ),
    ]
}
