//! `tunnel cleanup TUNNEL…`

use adit_model::ConnectorId;

use super::{access::Access, options::TunnelOptions, render};
use crate::{failure::Failure, personality::Personality};

#[derive(Debug, clap::Args)]
pub(super) struct Cleanup {
    /// The tunnels' names or ids
    #[arg(value_name = "TUNNEL", required = true)]
    tunnels: Vec<String>,
    /// Only the connections of that connector
    #[arg(
        long,
        short,
        value_name = "ID",
        env = "TUNNEL_CLEANUP_CONNECTOR",
        hide_env_values = true
    )]
    connector_id: Option<ConnectorId>,
}

pub(super) async fn run(
    command: &Cleanup,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let access = Access::open(options, personality)?;
    for id in access.find_all(&command.tunnels).await? {
        let mut target = access.tunnels(&format!("/{id}/connections"));
        let mut message = format!("Closing the connections of tunnel {id}");
        if let Some(connector) = command.connector_id {
            target = target.with("client_id", &connector.to_string());
            message.push_str(&format!(" from connector {connector}"));
        }
        render::log_line(&message, None);
        access
            .rest
            .delete(target)
            .await
            .map_err(|error| error.while_to(&format!("clean up tunnel {id}")))?;
    }
    Ok(())
}
