//! What the audit log keeps of the members of meshes.

use adit_core::port::{Actor, MeshDevice};
use adit_model::{AccountId, DeviceId};
use serde_json::{Value, json};

use super::members::Replica;
use crate::{
    failure::Cause,
    tx::{Audit, Tx},
};

/// An entry about a replica: what it was, unless it is new, and what it is, unless it is gone.
pub(super) async fn of_replica(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: &'static str,
    before: Option<&Replica>,
    after: Option<&Replica>,
) -> Result<(), Cause> {
    let Some(shown) = after.or(before) else {
        return Ok(());
    };
    let entry = Audit {
        account: Some(shown.tunnel.account),
        actor,
        action,
        object: format!("{} of tunnel {}", shown.connector, shown.tunnel.tunnel),
    };
    let state = |replica: &Replica| -> Value {
        json!({
            "tunnel_id": replica.tunnel.tunnel,
            "client_id": replica.connector,
            "identity_key": replica.link.identity.to_string(),
            "public_key": replica.link.key.to_string(),
            "addresses": replica.link.addresses.all().collect::<Vec<_>>(),
        })
    };
    tx.audit(entry.with(before.map(state), after.map(state))).await
}

/// An entry about a device.
pub(super) async fn of_device(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: DeviceId,
    actor: &Actor,
    action: &'static str,
    [before, after]: [Option<&MeshDevice>; 2],
) -> Result<(), Cause> {
    let Some(shown) = after.or(before) else {
        return Ok(());
    };
    let entry = Audit {
        account: Some(account),
        actor,
        action,
        object: format!("{id} {}", shown.name),
    };
    let state = |device: &MeshDevice| -> Value {
        json!({
            "name": device.name.as_str(),
            "public_key": device.key.to_string(),
            "addresses": device.addresses.all().collect::<Vec<_>>(),
            "virtual_network_id": device.virtual_network,
        })
    };
    tx.audit(entry.with(before.map(state), after.map(state))).await
}
