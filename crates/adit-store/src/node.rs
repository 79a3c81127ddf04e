//! Who this process is among the edges.

use adit_model::NodeId;

use crate::{failure::Cause, sql::query, tx::Tx};

/// Where `meta` keeps it.
const KEY: &str = "node_id";

/// The identity of this store's edge: made once, the same at every start.
pub(crate) async fn identity(tx: &mut Tx<'_>) -> Result<NodeId, Cause> {
    let kept: Option<Vec<u8>> = query("SELECT value FROM meta WHERE key = $1")
        .bind(KEY)
        .optional_scalar(&mut *tx.connection)
        .await?;
    if let Some(bytes) = kept {
        return NodeId::from_slice(&bytes).ok_or(Cause::BadColumn("value"));
    }
    let node = NodeId::random();
    query("INSERT INTO meta (key, value) VALUES ($1, $2)")
        .bind(KEY)
        .bind(node.as_bytes().as_slice())
        .execute(&mut *tx.connection)
        .await?;
    Ok(node)
}
