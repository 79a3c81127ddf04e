//! Who this process is among the edges.

use adit_model::NodeId;

use crate::{failure::Cause, meta, tx::Tx};

/// Where `meta` keeps it.
const KEY: &str = "node_id";

/// The identity of this store's edge: made once, the same at every start.
pub(crate) async fn identity(tx: &mut Tx<'_>) -> Result<NodeId, Cause> {
    if let Some(bytes) = meta::get(tx.connection, KEY).await? {
        return NodeId::from_slice(&bytes).ok_or(Cause::BadColumn("value"));
    }
    let node = NodeId::random();
    meta::put(tx.connection, KEY, node.as_bytes().as_slice()).await?;
    Ok(node)
}
