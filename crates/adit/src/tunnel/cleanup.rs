//! `tunnel cleanup TUNNEL…`

use adit_model::ConnectorId;

use super::{access::Access, options::TunnelOptions, render};
use crate::{failure::Failure, personality::Personality};

#[derive(Debug, clap::Args)]
pub(super) struct Cleanup {
    /// The tunnels' names or ids
    #[arg(value_name = "TUNNEL")]
    tunnels: Vec<String>,
    /// Only the connections of that connector
    #[arg(
        long,
        short,
        value_name = "ID",
        env = "TUNNEL_CLEANUP_CONNECTOR",
        hide_env_values = true
    )]
    connector_id: Option<String>,
}

pub(super) async fn run(
    command: &Cleanup,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    if command.tunnels.is_empty() {
        return Err(Failure::usage(
            "`tunnel cleanup` needs at least one tunnel: its name or id",
        ));
    }
    let connector = command.connector_id.as_deref().filter(|id| !id.is_empty());
    let connector = connector.map(str::parse::<ConnectorId>).transpose();
    let connector = connector.map_err(|_| Failure::misuse("--connector-id is not the id of a connector"))?;
    let access = Access::open(options, personality)?;
    let mut failed = 0_u32;
    for id in access.find_all(&command.tunnels).await? {
        let mut target = access.tunnels(&format!("/{id}/connections"));
        let mut message = format!("Closing the connections of tunnel {id}");
        if let Some(connector) = connector {
            target = target.with("client_id", &connector.to_string());
            message.push_str(&format!(" from connector {connector}"));
        }
        render::log_line(&message, None);
        if let Err(error) = access.rest.delete(target).await {
            failed += 1;
            render::error_line(&format!("cannot clean up tunnel {id}: {error}"));
        }
    }
    match failed {
        0 => Ok(()),
        failed => Err(
            Failure::because(format!("{failed} of the tunnels could not be cleaned up"))
                .only_told_by_stock(personality),
        ),
    }
}
