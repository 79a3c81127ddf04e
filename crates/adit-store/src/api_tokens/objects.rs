//! API tokens as objects of their owners.

use adit_core::{
    port::{Actor, ApiToken, ApiTokens, Page, PageRequest, StoreError, TokenError, TokenOwner, TokenTerms},
    token_value::ApiTokenValue,
};
use adit_model::ApiTokenId;
use async_trait::async_trait;
use serde_json::{Value, json};

use super::{put, row, row::token};
use crate::{
    audit_log::Audit,
    engine::Connection,
    failure::{Cause, Failure},
    page,
    read::read,
    sql::{Query, query},
    store::Store,
    tx::{Object, Tx},
};

type Refused<T> = Result<T, Failure<TokenError>>;

#[async_trait]
impl ApiTokens for Store {
    async fn list_tokens(
        &self,
        owner: &TokenOwner,
        oldest_first: bool,
        page: PageRequest,
    ) -> Result<Page<ApiToken>, StoreError> {
        Ok(read!(self, "list API tokens", |reader| list(
            reader,
            owner,
            oldest_first,
            page
        )))
    }

    async fn find_token(
        &self,
        owner: &TokenOwner,
        token: ApiTokenId,
    ) -> Result<Option<ApiToken>, StoreError> {
        Ok(read!(self, "look up an API token", |reader| find(
            reader, owner, token
        )))
    }

    async fn create_token(
        &self,
        owner: TokenOwner,
        terms: TokenTerms,
        actor: &Actor,
    ) -> Result<(ApiToken, ApiTokenValue), StoreError> {
        let actor = actor.clone();
        let work = self.writer.write("create an API token", move |mut tx| {
            Box::pin(async move { Ok(insert(&mut tx, owner, terms, &actor).await?) })
        });
        work.await
    }

    async fn update_token(
        &self,
        seen: &ApiToken,
        terms: TokenTerms,
        actor: &Actor,
    ) -> Result<ApiToken, TokenError> {
        let (seen, actor) = (seen.clone(), actor.clone());
        let work = self.writer.write("change an API token", move |mut tx| {
            Box::pin(async move { update(&mut tx, &seen, terms, &actor).await })
        });
        work.await
    }

    async fn roll_token(&self, seen: &ApiToken, actor: &Actor) -> Result<ApiTokenValue, TokenError> {
        let (seen, actor) = (seen.clone(), actor.clone());
        let work = self
            .writer
            .write("replace the value of an API token", move |mut tx| {
                Box::pin(async move { roll(&mut tx, &seen, &actor).await })
            });
        work.await
    }

    async fn delete_token(&self, seen: &ApiToken, actor: &Actor) -> Result<(), TokenError> {
        let (seen, actor) = (seen.clone(), actor.clone());
        let work = self.writer.write("delete an API token", move |mut tx| {
            Box::pin(async move { delete(&mut tx, &seen, &actor).await })
        });
        work.await
    }
}

/// Goes on with a condition for the tokens of an owner. The operator's is one of its account's.
fn owned(query: Query, owner: &TokenOwner) -> Query {
    match owner {
        TokenOwner::Account(account) | TokenOwner::Operator { account, .. } => {
            query.push("t.account_id = ").push_bind(account.to_string())
        }
        TokenOwner::User(user) => query
            .push("t.account_id IS NULL AND t.user_id = ")
            .push_bind(user.id.to_string()),
    }
}

async fn list(
    connection: &mut Connection,
    owner: &TokenOwner,
    oldest_first: bool,
    page: PageRequest,
) -> Result<Page<ApiToken>, Cause> {
    let count = owned(query("SELECT COUNT(*) FROM api_tokens t WHERE "), owner);
    let rows = owned(query(concat!(tokens!(), " WHERE ")), owner).push(if oldest_first {
        " ORDER BY t.created_at, t.id"
    } else {
        " ORDER BY t.created_at DESC, t.id"
    });
    page::page(connection, count, rows, page, token).await
}

async fn find(
    connection: &mut Connection,
    owner: &TokenOwner,
    id: ApiTokenId,
) -> Result<Option<ApiToken>, Cause> {
    let row = owned(query(concat!(tokens!(), " WHERE ")), owner)
        .push(" AND t.id = ")
        .push_bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(token).transpose()
}

async fn insert(
    tx: &mut Tx<'_>,
    owner: TokenOwner,
    terms: TokenTerms,
    actor: &Actor,
) -> Result<(ApiToken, ApiTokenValue), Cause> {
    let value = ApiTokenValue::generate();
    let id = ApiTokenId::from_bytes(*tx.ids.next().as_bytes());
    let token = built(id, owner, terms, tx, None);
    put(tx, &token, Some(&value)).await?;
    audit(tx, "api_token.create", actor, None, Some(&token)).await?;
    Ok((token, value))
}

async fn update(tx: &mut Tx<'_>, seen: &ApiToken, terms: TokenTerms, actor: &Actor) -> Refused<ApiToken> {
    check(tx, seen).await?;
    let token = built(seen.id, seen.owner.clone(), terms, tx, Some(seen));
    put(tx, &token, None).await?;
    audit(tx, "api_token.update", actor, Some(seen), Some(&token)).await?;
    Ok(token)
}

async fn roll(tx: &mut Tx<'_>, seen: &ApiToken, actor: &Actor) -> Refused<ApiTokenValue> {
    check(tx, seen).await?;
    let value = ApiTokenValue::generate();
    let mut token = seen.clone();
    token.modified_at = tx.now;
    put(tx, &token, Some(&value)).await?;
    audit(tx, "api_token.roll", actor, Some(seen), Some(&token)).await?;
    Ok(value)
}

async fn delete(tx: &mut Tx<'_>, seen: &ApiToken, actor: &Actor) -> Refused<()> {
    check(tx, seen).await?;
    query("DELETE FROM api_tokens WHERE id = $1")
        .bind(seen.id.to_string())
        .execute(&mut *tx.connection)
        .await?;
    tx.changed(Object::Token(seen.id)).await?;
    Ok(audit(tx, "api_token.delete", actor, Some(seen), None).await?)
}

/// Whether the token may be changed, and still is what was seen.
async fn check(tx: &mut Tx<'_>, seen: &ApiToken) -> Refused<()> {
    if matches!(seen.owner, TokenOwner::Operator { .. }) {
        return Err(Failure::Refused(TokenError::Operators));
    }
    let now = find(tx.connection, &seen.owner, seen.id).await?;
    let now = now.ok_or(Failure::Refused(TokenError::NoToken))?;
    if now.modified_at == seen.modified_at {
        Ok(())
    } else {
        Err(Failure::Refused(TokenError::Changed))
    }
}

fn built(
    id: ApiTokenId,
    owner: TokenOwner,
    terms: TokenTerms,
    tx: &Tx<'_>,
    before: Option<&ApiToken>,
) -> ApiToken {
    ApiToken {
        id,
        owner,
        name: terms.name,
        disabled: terms.disabled,
        policies: terms.policies,
        addresses: terms.addresses,
        not_before: terms.not_before,
        expires_at: terms.expires_at,
        created_at: before.map_or(tx.now, |before| before.created_at),
        modified_at: tx.now,
        last_used_at: before.and_then(|before| before.last_used_at),
    }
}

async fn audit(
    tx: &mut Tx<'_>,
    action: &'static str,
    actor: &Actor,
    before: Option<&ApiToken>,
    after: Option<&ApiToken>,
) -> Result<(), Cause> {
    let Some(token) = after.or(before) else {
        return Ok(());
    };
    let entry = Audit {
        account: token.owner.account(),
        actor,
        action,
        object: format!("{} {}", token.id, token.name),
    };
    tx.audit(entry.with(before.map(state), after.map(state))).await
}

/// What the audit log keeps of a token: all but its value, which nobody keeps.
fn state(token: &ApiToken) -> Value {
    json!({
        "name": token.name,
        "disabled": token.disabled,
        "policies": row::policies_value(&token.policies),
        "addresses": token.addresses,
        "not_before": token.not_before,
        "expires_on": token.expires_at,
    })
}
