//! What the edges read: a snapshot, and what changed since.

use adit_core::port::{Change, ChangeNumber, Changes, Snapshot, TunnelEntry};
use adit_model::{ConfigVersion, TunnelKey};

use crate::{
    api_tokens,
    engine::{Connection, Row},
    failure::Cause,
    host_limits, hosts, mesh, networks,
    row::{column, number, optional_parsed, parsed, tunnel_key},
    seal::Sealer,
    sites,
    sql::query,
    tx::{Object, counter, kind},
};

/// The most changes that one answer covers; the next call goes on after them.
const AT_ONCE: i64 = 1000;

macro_rules! columns {
    () => {
        "account_id, tunnel_id, kind, deleted_at, config_source, config_version, sealed_secret"
    };
}

/// Everything at one change number. The connection must be in a transaction. A row that cannot be read is logged and
/// left out: one damaged tunnel must not keep every edge from starting.
pub(crate) async fn snapshot(
    connection: &mut Connection,
    sealer: &Sealer,
) -> Result<(Snapshot, ChangeNumber), Cause> {
    let upto = counter(connection, "change").await?;
    let mut tunnels = Vec::new();
    let list = query(concat!("SELECT ", columns!(), " FROM tunnels"));
    // One row at a time: a row as the driver keeps it is many times larger than what is made of it.
    list.for_each(&mut *connection, |row| match keyed_entry(&row, sealer) {
        Ok(entry) => tunnels.push(entry),
        Err(error) => tracing::error!(%error, "a tunnel is unreadable and left out"),
    })
    .await?;
    let mut private = networks::directory::all(connection).await?;
    private.extend(api_tokens::directory::all(connection).await?);
    Ok((
        Snapshot {
            tunnels,
            hosts: hosts::all(&mut *connection).await?,
            limits: host_limits::all(&mut *connection).await?,
            private,
            mesh: mesh::directory::all(&mut *connection).await?,
            sites: sites::directory::all(connection).await?,
        },
        upto,
    ))
}

fn keyed_entry(row: &Row, sealer: &Sealer) -> Result<(TunnelKey, TunnelEntry), Cause> {
    let key = tunnel_key(row)?;
    let entry = TunnelEntry {
        kind: parsed(row, "kind")?,
        deleted: column::<Option<i64>>(row, "deleted_at")?.is_some(),
        config_source: parsed(row, "config_source")?,
        config_version: ConfigVersion(number(row, "config_version")?),
        // The digest enrols a mesh node, so it is as secret as the secret, and is not kept beside the sealed one.
        secret: sealer.open_secret(column(row, "sealed_secret")?, key)?.digest(),
    };
    Ok((key, entry))
}

/// What changed after `after`; `None` if nothing did. The connection must be in a transaction. Each thing appears
/// once, in its present state, which may be newer than `upto`: then it comes again.
pub(crate) async fn changes(
    connection: &mut Connection,
    sealer: &Sealer,
    after: ChangeNumber,
) -> Result<Option<Changes>, Cause> {
    if after < counter(connection, "change_floor").await? || after > counter(connection, "change").await? {
        return Ok(Some(Changes::TooOld));
    }
    let rows = query(
        "SELECT number, host, account_id, tunnel_id, limits_of, kind, object_id FROM changes
         WHERE number > $1 ORDER BY number LIMIT $2",
    )
    .bind(i64::try_from(after.0).unwrap_or(i64::MAX))
    .bind(AT_ONCE)
    .fetch_all(&mut *connection)
    .await?;
    let Some(last) = rows.last() else { return Ok(None) };
    let upto = ChangeNumber(number_of(last)?);
    let Ok(objects) = coalesced(&rows).inspect_err(|error| {
        tracing::error!(%error, "the change history is unreadable; readers take a new snapshot");
    }) else {
        return Ok(Some(Changes::TooOld));
    };
    let mut changes = Vec::new();
    for object in objects {
        changes.push(present(connection, sealer, object).await?);
    }
    Ok(Some(Changes::Since { changes, upto }))
}

fn number_of(row: &Row) -> Result<u64, Cause> {
    number(row, "number")
}

/// Each object once, at its newest place, so that what depends on another keeps following it.
fn coalesced(rows: &[Row]) -> Result<Vec<Object>, Cause> {
    let mut seen = std::collections::BTreeSet::new();
    let mut objects = Vec::new();
    for row in rows.iter().rev() {
        let object = object(row)?;
        if seen.insert(object.clone()) {
            objects.push(object);
        }
    }
    objects.reverse();
    Ok(objects)
}

fn object(row: &Row) -> Result<Object, Cause> {
    if let Some(host) = optional_parsed(row, "host")? {
        return Ok(Object::Host(host));
    }
    if let Some(host) = optional_parsed(row, "limits_of")? {
        return Ok(Object::Limits(host));
    }
    let account = || parsed(row, "account_id");
    match column::<Option<&str>>(row, "kind")? {
        None => Ok(Object::Tunnel(tunnel_key(row)?)),
        Some(kind::ROUTE) => Ok(Object::Route(account()?, parsed(row, "object_id")?)),
        Some(kind::HOSTNAME_ROUTE) => Ok(Object::HostnameRoute(account()?, parsed(row, "object_id")?)),
        Some(kind::VIRTUAL_NETWORK) => Ok(Object::VirtualNetwork(account()?, parsed(row, "object_id")?)),
        Some(kind::TOKEN) => Ok(Object::Token(parsed(row, "object_id")?)),
        Some(kind::SITE) => Ok(Object::Site(tunnel_key(row)?)),
        Some(kind::REPLICA) => Ok(Object::Replica(tunnel_key(row)?, parsed(row, "object_id")?)),
        Some(kind::DEVICE) => Ok(Object::Device(account()?, parsed(row, "object_id")?)),
        Some(kind::MESH_RANGES) => Ok(Object::MeshRanges(account()?)),
        Some(_) => Err(Cause::BadColumn("kind")),
    }
}

async fn present(connection: &mut Connection, sealer: &Sealer, object: Object) -> Result<Change, Cause> {
    match object {
        Object::Host(pattern) => {
            let target = hosts::find(connection, &pattern).await?;
            Ok(Change::Host(pattern, target))
        }
        Object::Limits(pattern) => {
            let limits = host_limits::find(connection, &pattern).await?;
            Ok(Change::Limits(
                pattern,
                limits.map(|one| one.limits).unwrap_or_default(),
            ))
        }
        Object::Route(account, id) => {
            let change = networks::directory::route(connection, account, id).await?;
            Ok(Change::Private(change))
        }
        Object::HostnameRoute(account, id) => {
            let change = networks::directory::hostname(connection, account, id).await?;
            Ok(Change::Private(change))
        }
        Object::VirtualNetwork(account, id) => {
            let change = networks::directory::virtual_network(connection, account, id).await?;
            Ok(Change::Private(change))
        }
        Object::Token(id) => {
            let change = api_tokens::directory::one(connection, id).await?;
            Ok(Change::Private(change))
        }
        Object::Replica(tunnel, id) => {
            let change = mesh::directory::replica(connection, tunnel, id).await?;
            Ok(Change::Mesh(change))
        }
        Object::Device(account, id) => {
            let change = mesh::directory::device(connection, account, id).await?;
            Ok(Change::Mesh(change))
        }
        Object::MeshRanges(account) => {
            let change = mesh::directory::ranges(connection, account).await?;
            Ok(Change::Mesh(change))
        }
        Object::Site(key) => {
            let entry = sites::directory::one(connection, key).await?;
            Ok(Change::Site(key, entry))
        }
        Object::Tunnel(key) => {
            let one = concat!(
                "SELECT ",
                columns!(),
                " FROM tunnels WHERE account_id = $1 AND tunnel_id = $2"
            );
            let row = query(one)
                .bind(key.account.to_string())
                .bind(key.tunnel.uuid())
                .fetch_optional(connection)
                .await?;
            let entry = row
                .map(|row| keyed_entry(&row, sealer))
                .transpose()
                .unwrap_or_else(|error| {
                    tracing::error!(tunnel.id = %key.tunnel, %error, "a tunnel is unreadable and left out");
                    None
                });
            Ok(Change::Tunnel(key, entry.map(|(_, entry)| entry)))
        }
    }
}
