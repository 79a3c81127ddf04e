//! Members as rows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_core::{
    mesh::{MeshAddresses, check_key},
    networks::{Family, Network},
    port::{LinkedReplica, MeshDevice},
};
use adit_model::{AccountId, ConnectorId, DeviceId, IdentityKey, PeerKey, TunnelKey, VirtualNetworkId};
use uuid::Uuid;

use super::{Refusal, Refused};
use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    row::{column, id, parsed, time, tunnel_key},
    sql::{Query, query},
    tx::Tx,
};

/// The kinds in the column `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Replica,
    Device,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::Device => "device",
        }
    }
}

/// One member, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) account: AccountId,
    pub(super) kind: Kind,
    pub(super) id: Uuid,
}

impl Member {
    pub(super) const fn replica(account: AccountId, connector: ConnectorId) -> Self {
        let (kind, id) = (Kind::Replica, connector.uuid());
        Self { account, kind, id }
    }

    pub(super) const fn device(account: AccountId, device: DeviceId) -> Self {
        let (kind, id) = (Kind::Device, device.uuid());
        Self { account, kind, id }
    }

    /// Goes on with the condition that a row is this member's.
    pub(super) fn only(self, query: Query) -> Query {
        query
            .push(" AND m.account_id = ")
            .push_bind(self.account.to_string())
            .push(" AND m.member_id = ")
            .push_bind(self.id)
    }
}

const SELECT: &str = "SELECT m.*, v4.address AS v4, v6.address AS v6 FROM mesh_members m
    JOIN mesh_addresses v4 ON v4.account_id = m.account_id AND v4.kind = m.kind
        AND v4.member_id = m.member_id AND v4.family = 4
    JOIN mesh_addresses v6 ON v6.account_id = m.account_id AND v6.kind = m.kind
        AND v6.member_id = m.member_id AND v6.family = 6
    WHERE m.kind = ";

/// The members of a kind.
pub(super) fn select(kind: Kind) -> Query {
    query(SELECT).push_bind(kind.as_str())
}

/// A replica as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replica {
    pub(super) tunnel: TunnelKey,
    pub(super) connector: ConnectorId,
    pub(super) link: LinkedReplica,
    /// The tunnel's secret is another one since.
    pub(super) earlier_secret: bool,
}

impl Replica {
    /// The same with another key.
    pub(super) fn with_key(&self, key: PeerKey) -> Self {
        let mut changed = self.clone();
        changed.link.key = key;
        changed
    }
}

pub(super) fn replica(row: &Row) -> Result<Replica, Cause> {
    Ok(Replica {
        tunnel: tunnel_key(row)?,
        connector: id(row, "member_id", ConnectorId::from_uuid)?,
        link: LinkedReplica {
            identity: IdentityKey::from_bytes(key(row, "identity_key")?),
            key: PeerKey::from_bytes(key(row, "peer_key")?),
            addresses: addresses(row)?,
            linked_at: time(row, "joined_at")?,
        },
        earlier_secret: column(row, "earlier_secret")?,
    })
}

pub(super) fn device(row: &Row) -> Result<(AccountId, DeviceId, MeshDevice), Cause> {
    let device = MeshDevice {
        name: parsed(row, "name")?,
        key: PeerKey::from_bytes(key(row, "peer_key")?),
        addresses: addresses(row)?,
        virtual_network: id(row, "virtual_network_id", VirtualNetworkId::from_uuid)?,
        created_at: time(row, "joined_at")?,
    };
    Ok((
        parsed(row, "account_id")?,
        id(row, "member_id", DeviceId::from_uuid)?,
        device,
    ))
}

fn key(row: &Row, name: &'static str) -> Result<[u8; 32], Cause> {
    let bytes: &[u8] = column(row, name)?;
    bytes.try_into().map_err(|_| Cause::BadColumn(name))
}

fn addresses(row: &Row) -> Result<MeshAddresses, Cause> {
    Ok(MeshAddresses {
        v4: v4(address(column(row, "v4")?, Family::V4)?)?,
        v6: v6(address(column(row, "v6")?, Family::V6)?)?,
    })
}

/// Reads an address as it is kept.
pub(super) fn address(bytes: &[u8], family: Family) -> Result<IpAddr, Cause> {
    let bytes = bytes.try_into().map_err(|_| Cause::BadColumn("address"))?;
    let length = match family {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    Network::from_sortable(family, bytes, length)
        .map(Network::first)
        .ok_or(Cause::BadColumn("address"))
}

pub(super) fn v4(address: IpAddr) -> Result<Ipv4Addr, Cause> {
    match address {
        IpAddr::V4(v4) => Ok(v4),
        IpAddr::V6(_) => Err(Cause::BadColumn("address")),
    }
}

pub(super) fn v6(address: IpAddr) -> Result<Ipv6Addr, Cause> {
    match address {
        IpAddr::V6(v6) => Ok(v6),
        IpAddr::V4(_) => Err(Cause::BadColumn("address")),
    }
}

/// The replica with an id, of whichever site.
pub(super) async fn find_replica(
    connection: &mut Connection,
    account: AccountId,
    connector: ConnectorId,
) -> Result<Option<Replica>, Cause> {
    let one = Member::replica(account, connector).only(select(Kind::Replica));
    let row = one.fetch_optional(connection).await?;
    row.as_ref().map(replica).transpose()
}

/// The device with an id.
pub(super) async fn find_device(
    connection: &mut Connection,
    account: AccountId,
    id: DeviceId,
) -> Result<Option<MeshDevice>, Cause> {
    let one = Member::device(account, id).only(select(Kind::Device));
    let row = one.fetch_optional(connection).await?;
    let found = row.as_ref().map(device).transpose()?;
    Ok(found.map(|(_, _, device)| device))
}

/// Refuses a key that is none, or another member's, of whichever account.
pub(super) async fn check_free<E: Refusal>(tx: &mut Tx<'_>, key: PeerKey) -> Refused<(), E> {
    check_key(key).map_err(|weak| Failure::Refused(weak.into()))?;
    let taken: bool = query("SELECT EXISTS (SELECT 1 FROM mesh_members WHERE peer_key = $1)")
        .bind(key.as_bytes().as_slice())
        .scalar(&mut *tx.connection)
        .await?;
    if taken {
        Err(Failure::Refused(E::TAKEN_KEY))
    } else {
        Ok(())
    }
}

/// Removes a member. Its addresses are free, and given again after all others.
pub(super) async fn remove(tx: &mut Tx<'_>, member: Member) -> Result<(), Cause> {
    let of_member = |query: Query| {
        query
            .bind(member.account.to_string())
            .bind(member.kind.as_str())
            .bind(member.id)
    };
    of_member(query(
        "UPDATE mesh_addresses SET kind = NULL, member_id = NULL, freed_at = $4
         WHERE account_id = $1 AND kind = $2 AND member_id = $3",
    ))
    .bind(tx.now.unix_micros())
    .execute(&mut *tx.connection)
    .await?;
    of_member(query(
        "DELETE FROM mesh_members WHERE account_id = $1 AND kind = $2 AND member_id = $3",
    ))
    .execute(&mut *tx.connection)
    .await?;
    Ok(())
}
