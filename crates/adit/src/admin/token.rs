//! `adit token`

use std::time::SystemTime;

use adit_core::permission::{PermissionGroup, Scope};
use adit_model::{AccountId, Timestamp};
use clap::{Args, Subcommand};
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Admin;
use crate::{config::GoDuration, environment::Place, failure::Failure, output, rest::Target};

/// API tokens: what scripts and tools prove themselves with
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    place: Place,
    /// Whose, by id or name [default: the first account's]
    #[arg(long, value_name = "ACCOUNT", global = true)]
    account: Option<String>,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print its value, this once
    Create(Create),
    /// List the tokens, newest first
    List,
    /// List what a token can be given
    Permissions,
    /// Give a token another value and print it; the old one is no longer good
    Roll {
        /// Its id
        token: String,
    },
    /// Delete a token
    #[command(visible_alias = "revoke")]
    Delete {
        /// Its id
        token: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// What to call it
    #[arg(long)]
    name: String,
    /// What it may do, such as "Cloudflare Tunnel Write"; may be repeated
    #[arg(long = "permission", value_name = "GROUP", required = true, value_parser = group)]
    permissions: Vec<PermissionGroup>,
    /// In which zones, by domain, for groups of zones; may be repeated [default: all of the account]
    #[arg(long = "zone", value_name = "DOMAIN")]
    zones: Vec<String>,
    /// Until when: a span such as 90d, a day, or an RFC 3339 time [default: for good]
    #[arg(long, value_name = "WHEN", value_parser = expiry)]
    expires: Option<Timestamp>,
    /// From which network or address only, such as 192.0.2.0/24; may be repeated
    #[arg(long = "allow-ip", value_name = "NETWORK")]
    addresses: Vec<String>,
}

fn group(text: &str) -> Result<PermissionGroup, String> {
    PermissionGroup::named(text)
        .filter(|group| group.scope() != Scope::User)
        .ok_or_else(|| "no permission group has this name; `adit token permissions` lists them".to_owned())
}

fn expiry(text: &str) -> Result<Timestamp, &'static str> {
    let from_now = || {
        let GoDuration(span) = text.parse().ok()?;
        SystemTime::now().checked_add(span).map(Timestamp::from)
    };
    Timestamp::parse(text)
        .or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
        .or_else(from_now)
        .ok_or("neither a span such as 90d nor a day nor an RFC 3339 time")
}

#[derive(Deserialize)]
struct Created {
    id: String,
    value: String,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    name: String,
    status: String,
    expires_on: Option<String>,
}

/// Does what the command says.
pub(crate) async fn run(args: &TokenArgs) -> Result<(), Failure> {
    if matches!(args.command, TokenCommand::Permissions) {
        return permissions();
    }
    let admin = Admin::open(&args.place)?;
    let account = admin.account(args.account.as_deref()).await?;
    let tokens = format!("/accounts/{account}/tokens");
    match &args.command {
        TokenCommand::Create(create) => make(&admin, account, create).await,
        TokenCommand::List => list(&admin, &Target::new(tokens)).await,
        TokenCommand::Permissions => permissions(),
        TokenCommand::Roll { token } => {
            let target = Target::new(format!("{tokens}/{token}/value"));
            let value: Result<String, _> = admin.rest.send(Method::PUT, target, &json!({})).await;
            let doing = format!("replace the value of the API token {token}");
            output::result(&format!("{}\n", value.map_err(|error| error.while_to(&doing))?))
        }
        TokenCommand::Delete { token } => {
            let deleted = admin.rest.delete(Target::new(format!("{tokens}/{token}"))).await;
            deleted.map_err(|error| error.while_to(&format!("delete the API token {token}")))
        }
    }
}

async fn make(admin: &Admin, account: AccountId, create: &Create) -> Result<(), Failure> {
    let mut body = json!({"name": create.name, "policies": policies(admin, account, create).await?});
    if let Some(expires) = create.expires {
        body["expires_on"] = json!(expires);
    }
    if !create.addresses.is_empty() {
        body["condition"] = json!({"request.ip": {"in": create.addresses}});
    }
    let target = Target::new(format!("/accounts/{account}/tokens"));
    let made: Created = admin
        .rest
        .send(Method::POST, target, &body)
        .await
        .map_err(|error| error.while_to(&format!("make the API token {:?}", create.name)))?;
    output::note(&format!(
        "made the API token {}; its value is shown this once",
        made.id
    ));
    output::result(&format!("{}\n", made.value))
}

/// Groups of accounts on the account, groups of zones on its zones or those that were named.
async fn policies(admin: &Admin, account: AccountId, create: &Create) -> Result<Vec<Value>, Failure> {
    let own = format!("com.cloudflare.api.account.{account}");
    let groups = |scope| {
        let of_scope = create
            .permissions
            .iter()
            .filter(move |group| group.scope() == scope);
        of_scope
            .map(|group| json!({"id": group.id()}))
            .collect::<Vec<_>>()
    };
    let (of_account, of_zones) = (groups(Scope::Account), groups(Scope::Zone));
    if of_zones.is_empty() && !create.zones.is_empty() {
        return Err(Failure::usage(
            "--zone is for permission groups of zones, such as \"DNS Write\"",
        ));
    }
    let mut policies = Vec::new();
    let mut allow = |groups: Vec<Value>, resources: Value| {
        if !groups.is_empty() {
            policies.push(json!({"effect": "allow", "permission_groups": groups, "resources": resources}));
        }
    };
    allow(of_account, json!({&own: "*"}));
    let mut zones = Map::new();
    for domain in &create.zones {
        let id = admin.zone(domain).await?;
        zones.insert(format!("com.cloudflare.api.account.zone.{id}"), json!("*"));
    }
    if zones.is_empty() {
        zones.insert("com.cloudflare.api.account.zone.*".to_owned(), json!("*"));
    }
    allow(of_zones, json!({&own: zones}));
    Ok(policies)
}

async fn list(admin: &Admin, target: &Target) -> Result<(), Failure> {
    let tokens: Vec<Listed> = admin
        .rest
        .list(target, Some(50))
        .await
        .map_err(|error| error.while_to("list the API tokens"))?;
    let line = |token: &Listed| {
        let until = token.expires_on.as_deref().unwrap_or("-");
        format!("{} {} {until} {}\n", token.id, token.status, token.name)
    };
    output::result(&tokens.iter().map(line).collect::<String>())
}

fn permissions() -> Result<(), Failure> {
    let offered = PermissionGroup::ALL
        .iter()
        .filter(|group| group.scope() != Scope::User);
    output::result(
        &offered
            .map(|group| format!("{}\n", group.name()))
            .collect::<String>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_after_a_span_or_at_a_time() {
        let time = Timestamp::parse("2030-01-02T00:00:00Z").unwrap();
        assert_eq!(expiry("2030-01-02"), Ok(time));
        assert_eq!(expiry("2030-01-02T01:00:00+01:00"), Ok(time));
        assert!(expiry("90d").unwrap() > Timestamp::from(SystemTime::now()));
        assert!(expiry("soon").is_err());
    }
}
