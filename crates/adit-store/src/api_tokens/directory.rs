//! What edges keep of API tokens: those that lead into private networks.

use adit_core::{
    networks::account_reached,
    port::{NetworkToken, PrivateChange},
};
use adit_model::{AccountId, ApiTokenId, SecretDigest};

use super::row::token;
use crate::{
    engine::{Connection, Row},
    failure::Cause,
    row::{column, parsed},
    sql::query,
    tx::{Object, Tx},
};

/// Every token that leads into private networks.
pub(crate) async fn all(connection: &mut Connection) -> Result<Vec<PrivateChange>, Cause> {
    let mut all = Vec::new();
    query(tokens!())
        .for_each(connection, |row| all.extend(readable(&row)))
        .await?;
    let change = |one: NetworkToken| PrivateChange::Token(one.token.id, Some(Box::new(one)));
    Ok(all.into_iter().map(change).collect())
}

/// A token, as it is now.
pub(crate) async fn one(connection: &mut Connection, id: ApiTokenId) -> Result<PrivateChange, Cause> {
    let row = query(concat!(tokens!(), " WHERE t.id = $1"))
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    let found = row.as_ref().and_then(readable);
    Ok(PrivateChange::Token(id, found.map(Box::new)))
}

/// The tokens of an account that goes: edges must forget them.
pub(crate) async fn account_goes(tx: &mut Tx<'_>, account: AccountId) -> Result<(), Cause> {
    let rows = query("SELECT id FROM api_tokens WHERE account_id = $1")
        .bind(account.to_string())
        .fetch_all(&mut *tx.connection)
        .await?;
    let gone = rows.iter().map(|row| Ok(Object::Token(parsed(row, "id")?)));
    let gone = gone.collect::<Result<Vec<_>, Cause>>()?;
    tx.changed_all(&gone).await?;
    Ok(())
}

/// The token of a row, if it leads into private networks. One that cannot be read leads nowhere.
fn readable(row: &Row) -> Option<NetworkToken> {
    let read = || {
        let value: &[u8] = column(row, "value_hash")?;
        let value = value.try_into().map_err(|_| Cause::BadColumn("value_hash"))?;
        Ok::<_, Cause>((token(row)?, SecretDigest::from_bytes(value)))
    };
    let (token, value) = read()
        .inspect_err(|error| tracing::error!(%error, "an API token is unreadable and left out"))
        .ok()?;
    Some(NetworkToken {
        account: account_reached(&token)?,
        value,
        token,
    })
}
