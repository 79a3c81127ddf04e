//! Public routes: proxied CNAME records that point at a tunnel of their zone's account and load balancers that lead to
//! the tunnels of a pool, unless the zone is paused, and the host names of quick tunnels. No kind may take a name that
//! another one has.

use adit_core::{
    port::{DnsRecordKind, HostRoute, HostTarget},
    zone_names::target_tunnel,
};
use adit_model::{HostPattern, PoolId, TunnelId, TunnelKey, ZoneId};

use crate::{
    engine::{Connection, Row},
    failure::Cause,
    row::{parsed, tunnel_key},
    sql::query,
};

/// The tunnel that a record is a public route to, if it is one. Whether that tunnel exists is another question.
pub(crate) fn target(kind: DnsRecordKind, content: &str, proxied: bool) -> Option<TunnelId> {
    match kind {
        DnsRecordKind::Cname if proxied => target_tunnel(content),
        DnsRecordKind::Cname | DnsRecordKind::A | DnsRecordKind::Aaaa => None,
    }
}

macro_rules! routes {
    () => {
        "SELECT r.name, t.account_id, t.tunnel_id
         FROM dns_records r
         JOIN zones z ON z.id = r.zone_id AND NOT z.paused
         JOIN tunnels t ON t.account_id = z.account_id AND t.tunnel_id = r.tunnel_id"
    };
}

macro_rules! quick_routes {
    () => {
        "SELECT q.host AS name, q.account_id, q.tunnel_id FROM quick_tunnels q"
    };
}

/// One row for each tunnel of a load balancer's pool.
macro_rules! balanced_routes {
    () => {
        "SELECT l.name, m.account_id, m.tunnel_id
         FROM load_balancers l
         JOIN zones z ON z.id = l.zone_id AND NOT z.paused
         JOIN pool_members m ON m.pool_id = l.pool_id"
    };
}

/// Every public route.
pub(crate) async fn all(connection: &mut Connection) -> Result<Vec<HostRoute>, Cause> {
    let rows = query(concat!(routes!(), " UNION ALL ", quick_routes!()))
        .fetch_all(&mut *connection)
        .await?;
    let mut all: Vec<HostRoute> = rows
        .iter()
        .filter_map(readable)
        .map(|(pattern, tunnel)| HostRoute {
            pattern,
            target: tunnel.into(),
        })
        .collect();
    let rows = query(concat!(balanced_routes!(), " ORDER BY l.name, m.tunnel_id"))
        .fetch_all(connection)
        .await?;
    let members: Vec<_> = rows.iter().filter_map(readable).collect();
    for pool in members.chunk_by(|(one, _), (other, _)| one == other) {
        let tunnels = pool.iter().map(|(_, tunnel)| *tunnel).collect();
        let route = pool.first().zip(HostTarget::of(tunnels));
        all.extend(route.map(|((pattern, _), target)| HostRoute {
            pattern: pattern.clone(),
            target,
        }));
    }
    Ok(all)
}

/// A name and a tunnel that it leads to. One that is unreadable is said and left out.
fn readable(row: &Row) -> Option<(HostPattern, TunnelKey)> {
    let read = || Ok::<_, Cause>((parsed(row, "name")?, tunnel_key(row)?));
    read()
        .inspect_err(|error| tracing::error!(%error, "a public route is unreadable and left out"))
        .ok()
}

/// Where one pattern leads.
pub(crate) async fn find(
    connection: &mut Connection,
    pattern: &HostPattern,
) -> Result<Option<HostTarget>, Cause> {
    let rows = query(concat!(
        routes!(),
        " WHERE r.name = $1 UNION ALL ",
        quick_routes!(),
        " WHERE q.host = $1 UNION ALL ",
        balanced_routes!(),
        " WHERE l.name = $1 ORDER BY tunnel_id"
    ))
    .bind(pattern.to_string())
    .fetch_all(connection)
    .await?;
    let tunnels = rows.iter().map(tunnel_key).collect::<Result<_, _>>()?;
    Ok(HostTarget::of(tunnels))
}

/// The patterns that lead to a tunnel, alone or with others.
pub(crate) async fn of_tunnel(
    connection: &mut Connection,
    key: TunnelKey,
) -> Result<Vec<HostPattern>, Cause> {
    let rows = query(concat!(
        routes!(),
        " WHERE t.account_id = $1 AND r.tunnel_id = $2 UNION ALL ",
        quick_routes!(),
        " WHERE q.account_id = $1 AND q.tunnel_id = $2 UNION ALL ",
        balanced_routes!(),
        " WHERE m.account_id = $1 AND m.tunnel_id = $2"
    ))
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .fetch_all(connection)
    .await?;
    names(&rows)
}

/// The patterns that lead to a pool, or would if their zones were not paused.
pub(crate) async fn of_pool(connection: &mut Connection, pool: PoolId) -> Result<Vec<HostPattern>, Cause> {
    let rows = query("SELECT name FROM load_balancers WHERE pool_id = $1 ORDER BY name")
        .bind(pool.to_string())
        .fetch_all(connection)
        .await?;
    names(&rows)
}

/// The patterns of a zone that lead to tunnels, or would if the zone were not paused.
pub(crate) async fn of_zone(connection: &mut Connection, zone: ZoneId) -> Result<Vec<HostPattern>, Cause> {
    let rows = query(
        "SELECT name FROM dns_records WHERE zone_id = $1 AND tunnel_id IS NOT NULL
         UNION ALL SELECT name FROM load_balancers WHERE zone_id = $1 ORDER BY name",
    )
    .bind(zone.to_string())
    .fetch_all(connection)
    .await?;
    names(&rows)
}

fn names(rows: &[Row]) -> Result<Vec<HostPattern>, Cause> {
    rows.iter().map(|row| parsed(row, "name")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_content_panics_and_every_tunnel_is_found_again(content: String, id: u128) {
            prop_assert_eq!(target(DnsRecordKind::Cname, &content, true), None);
            let tunnel = TunnelId::from_uuid(uuid::Uuid::from_u128(id));
            let host = format!("{tunnel}.cfargotunnel.com");
            prop_assert_eq!(target(DnsRecordKind::Cname, &host, true), Some(tunnel));
        }
    }

    #[test]
    fn only_a_proxied_alias_of_a_tunnel_host_is_a_route() {
        let tunnel = TunnelId::random();
        let host = format!("{tunnel}.cfargotunnel.com");
        assert_eq!(target(DnsRecordKind::Cname, &host, true), Some(tunnel));
        assert_eq!(
            target(DnsRecordKind::Cname, &format!("{}.", host.to_uppercase()), true),
            Some(tunnel)
        );
        assert_eq!(target(DnsRecordKind::Cname, &host, false), None);
        assert_eq!(target(DnsRecordKind::A, &host, true), None);
        for other in [
            "example.com",
            "cfargotunnel.com",
            "x.cfargotunnel.com",
            ".cfargotunnel.com",
            "",
        ] {
            assert_eq!(target(DnsRecordKind::Cname, other, true), None, "{other}");
        }
    }
}
