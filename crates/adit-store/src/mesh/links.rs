//! Replicas that enrol for a site, and come back.

use adit_core::{
    mesh::MOST_REPLICAS,
    port::{ChangeNumber, LinkError, LinkedReplica, NewLink},
};
use adit_model::{ConnectorId, PeerKey, TunnelKey, TunnelKind};

use super::{
    Refused, addresses, audit,
    members::{self, Kind, Member, Replica, check_free, find_replica},
};
use crate::{
    engine::Connection,
    failure::{Cause, Failure},
    networks,
    seal::Sealer,
    sql::query,
    tunnels,
    tx::{Object, Tx, counter, system},
};

type Linked<T> = Refused<T, LinkError>;

/// The replicas of a site, oldest first.
pub(super) async fn of_site(connection: &mut Connection, tunnel: TunnelKey) -> Result<Vec<Replica>, Cause> {
    let rows = members::select(Kind::Replica)
        .push(" AND m.account_id = ")
        .push_bind(tunnel.account.to_string())
        .push(" AND m.tunnel_id = ")
        .push_bind(tunnel.tunnel.uuid())
        .push(" ORDER BY m.joined_at, m.member_id")
        .fetch_all(connection)
        .await?;
    rows.iter().map(members::replica).collect()
}

/// Links a replica, or knows it again.
pub(super) async fn link(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    new: NewLink,
) -> Linked<(LinkedReplica, ChangeNumber)> {
    let secret = tunnels::secret(tx.connection, sealer, new.tunnel, TunnelKind::WarpConnector).await?;
    let secret = secret.ok_or(Failure::Refused(LinkError::NoTunnel))?;
    if secret.digest() != new.proven {
        return Err(Failure::Refused(LinkError::OldSecret));
    }
    match find_replica(tx.connection, new.tunnel.account, new.connector).await? {
        Some(known) if known.tunnel == new.tunnel && known.link.identity == new.identity => {
            let after = Replica {
                earlier_secret: false,
                ..known.with_key(new.key)
            };
            let change = rewrite(tx, &known, &after, "replica.relink").await?;
            Ok((after.link, change))
        }
        Some(_) => Err(Failure::Refused(LinkError::TakenId)),
        None => insert(tx, new).await,
    }
}

async fn insert(tx: &mut Tx<'_>, new: NewLink) -> Linked<(LinkedReplica, ChangeNumber)> {
    let NewLink {
        tunnel, connector, ..
    } = new;
    check_count(tx, tunnel).await?;
    check_free::<LinkError>(tx, new.key).await?;
    networks::ensure_defaults(tx, tunnel.account).await?;
    query(
        "INSERT INTO mesh_members (account_id, kind, member_id, peer_key, joined_at, tunnel_id, identity_key,
             earlier_secret)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tunnel.account.to_string())
    .bind(Kind::Replica.as_str())
    .bind(connector.uuid())
    .bind(new.key.as_bytes().as_slice())
    .bind(tx.now.unix_micros())
    .bind(tunnel.tunnel.uuid())
    .bind(new.identity.as_bytes().as_slice())
    .bind(false)
    .execute(&mut *tx.connection)
    .await?;
    let replica = Replica {
        tunnel,
        connector,
        link: LinkedReplica {
            identity: new.identity,
            key: new.key,
            addresses: addresses::give::<LinkError>(tx, Member::replica(tunnel.account, connector)).await?,
            linked_at: tx.now,
        },
        earlier_secret: false,
    };
    audit::of_replica(tx, &system(), "replica.link", None, Some(&replica)).await?;
    let change = tx.changed(Object::Replica(tunnel, connector)).await?;
    Ok((replica.link, change))
}

async fn check_count(tx: &mut Tx<'_>, tunnel: TunnelKey) -> Linked<()> {
    let linked: i64 = query("SELECT COUNT(*) FROM mesh_members WHERE account_id = $1 AND tunnel_id = $2")
        .bind(tunnel.account.to_string())
        .bind(tunnel.tunnel.uuid())
        .scalar(&mut *tx.connection)
        .await?;
    if linked < i64::from(MOST_REPLICAS) {
        Ok(())
    } else {
        Err(Failure::Refused(LinkError::TooMany(MOST_REPLICAS)))
    }
}

/// Gives a replica of a site another key.
pub(super) async fn change_key(
    tx: &mut Tx<'_>,
    tunnel: TunnelKey,
    connector: ConnectorId,
    key: PeerKey,
) -> Linked<ChangeNumber> {
    let known = find_replica(tx.connection, tunnel.account, connector).await?;
    let known = known.filter(|known| known.tunnel == tunnel);
    let known = known.ok_or(Failure::Refused(LinkError::NoTunnel))?;
    // The mark of an earlier secret stays: a new key proves nothing about the secret.
    rewrite(tx, &known, &known.with_key(key), "replica.change_key").await
}

/// Writes what is another key, or another secret that was proved; nothing if neither is.
async fn rewrite(
    tx: &mut Tx<'_>,
    before: &Replica,
    after: &Replica,
    action: &'static str,
) -> Linked<ChangeNumber> {
    if before == after {
        return Ok(counter(tx.connection, "change").await?);
    }
    if before.link.key != after.link.key {
        check_free::<LinkError>(tx, after.link.key).await?;
    }
    query(
        "UPDATE mesh_members SET peer_key = $4, earlier_secret = $5
         WHERE account_id = $1 AND kind = $2 AND member_id = $3",
    )
    .bind(after.tunnel.account.to_string())
    .bind(Kind::Replica.as_str())
    .bind(after.connector.uuid())
    .bind(after.link.key.as_bytes().as_slice())
    .bind(after.earlier_secret)
    .execute(&mut *tx.connection)
    .await?;
    audit::of_replica(tx, &system(), action, Some(before), Some(after)).await?;
    Ok(tx.changed(Object::Replica(after.tunnel, after.connector)).await?)
}
