//! `adit management token`: a token for a tunnel's management service.

use adit_model::TunnelId;
use adit_wire::management_token::ManagementResource;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    failure::Failure,
    output,
    personality::Personality,
    tunnel::access::{Access, AccessOptions},
};

/// What `management` does.
#[derive(Debug, Args)]
pub(crate) struct ManagementArgs {
    #[command(subcommand)]
    command: ManagementCommand,
}

#[derive(Debug, Subcommand)]
enum ManagementCommand {
    /// Print a management token as JSON: {"token":"…"}. It is a credential, good for an hour
    Token(Token),
}

#[derive(Debug, Args)]
struct Token {
    /// What it opens: logs, admin or host_details
    #[arg(long, value_name = "RESOURCE")]
    resource: Option<String>,
    /// The tunnel's id or name
    #[arg(value_name = "TUNNEL")]
    words: Vec<String>,
    #[command(flatten)]
    access: AccessOptions,
}

impl ManagementArgs {
    /// Does what the command says.
    ///
    /// # Errors
    /// If the API gives no token.
    pub(crate) async fn run(self, personality: Personality) -> Result<(), Failure> {
        let ManagementCommand::Token(command) = self.command;
        let Some(resource) = command.resource else {
            // The stock client prints its help instead, and is content.
            let failure = Failure::usage("`management token` needs --resource logs, admin or host_details");
            return Err(failure.only_told_by_stock(personality));
        };
        let resource: ManagementResource = resource
            .parse()
            .map_err(|_| Failure::misuse("--resource is none of logs, admin, host_details"))?;
        let [word, ..] = &command.words[..] else {
            return Err(Failure::misuse(
                "`management token` needs a tunnel: its id or its name",
            ));
        };
        let access = Access::from(&command.access, personality)?;
        let tunnel = access.find(word).await?;
        print_token(&access, tunnel, resource).await
    }
}

/// Gets a token and prints it as the stock client does.
pub(crate) async fn print_token(
    access: &Access,
    tunnel: TunnelId,
    resource: ManagementResource,
) -> Result<(), Failure> {
    let token = access.management_token(tunnel, resource).await?;
    output::result(&format!("{}\n", json!({ "token": token })))
}
