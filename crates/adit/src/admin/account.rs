//! `adit account`

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::{Admin, Named};
use crate::{environment::Place, failure::Failure, output, rest::Target};

/// Accounts: each has tunnels, zones and API tokens of its own
#[derive(Debug, Args)]
pub(crate) struct AccountArgs {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Make an account and print its id
    Add {
        /// 1 to 100 characters
        name: String,
    },
    /// List the accounts, newest first
    List,
    /// Delete an account that has neither live tunnels nor zones, and its API tokens
    Delete {
        /// Its id or name
        account: String,
    },
}

/// Does what the command says.
pub(crate) async fn run(args: &AccountArgs) -> Result<(), Failure> {
    let admin = Admin::open(&args.place)?;
    match &args.command {
        AccountCommand::Add { name } => {
            let doing = format!("make the account {name:?}");
            let made: Named = admin
                .rest
                .send(Method::POST, Target::new("/accounts"), &json!({"name": name}))
                .await
                .map_err(|error| error.while_to(&doing))?;
            output::note(&format!("made the account {:?}", made.name));
            output::result(&format!("{}\n", made.id))
        }
        AccountCommand::List => admin.print(&Target::new("/accounts"), "list the accounts").await,
        AccountCommand::Delete { account } => {
            let id = admin.account(Some(account)).await?;
            let deleted = admin.rest.delete(Target::new(format!("/accounts/{id}"))).await;
            deleted.map_err(|error| error.while_to(&format!("delete the account {account}")))
        }
    }
}
