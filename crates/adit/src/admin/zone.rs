//! `adit zone`

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{Admin, Named};
use crate::{environment::Place, failure::Failure, output, rest::Target};

/// Zones: the domains under which tunnels get public host names
#[derive(Debug, Args)]
pub(crate) struct ZoneArgs {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: ZoneCommand,
}

#[derive(Debug, Subcommand)]
enum ZoneCommand {
    /// Make a zone and print its id
    Add {
        /// Its domain, such as example.org
        name: String,
        /// Whose, by id or name [default: the first account's]
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
    },
    /// List the zones, newest first
    List,
    /// Stop serving the host names of a zone, and keep them
    Pause {
        /// Its domain
        name: String,
    },
    /// Serve the host names of a paused zone again
    Resume {
        /// Its domain
        name: String,
    },
    /// Delete a zone with all its host names
    Delete {
        /// Its domain
        name: String,
    },
}

/// Does what the command says.
pub(crate) async fn run(args: &ZoneArgs) -> Result<(), Failure> {
    let admin = Admin::open(&args.place)?;
    match &args.command {
        ZoneCommand::Add { name, account } => add(&admin, name, account.as_deref()).await,
        ZoneCommand::List => admin.print(&Target::new("/zones"), "list the zones").await,
        ZoneCommand::Pause { name } => pause(&admin, name, true).await,
        ZoneCommand::Resume { name } => pause(&admin, name, false).await,
        ZoneCommand::Delete { name } => {
            let id = admin.zone(name).await?;
            let deleted = admin.rest.delete(Target::new(format!("/zones/{id}"))).await;
            deleted.map_err(|error| error.while_to(&format!("delete the zone {name}")))
        }
    }
}

async fn add(admin: &Admin, name: &str, account: Option<&str>) -> Result<(), Failure> {
    let account = admin.account(account).await?;
    let made: Named = admin
        .rest
        .send(
            Method::POST,
            Target::new("/zones"),
            &json!({"name": name, "account": {"id": account}}),
        )
        .await
        .map_err(|error| error.while_to(&format!("make the zone {name}")))?;
    output::note(&format!(
        "made the zone {}; let its host names lead to this machine in your DNS, then `adit tunnel route dns`",
        made.name
    ));
    output::result(&format!("{}\n", made.id))
}

async fn pause(admin: &Admin, name: &str, paused: bool) -> Result<(), Failure> {
    let id = admin.zone(name).await?;
    let target = Target::new(format!("/zones/{id}"));
    let changed = admin
        .rest
        .send::<Value>(Method::PATCH, target, &json!({"paused": paused}))
        .await;
    let doing = format!("{} the zone {name}", if paused { "pause" } else { "resume" });
    changed.map(drop).map_err(|error| error.while_to(&doing))
}
