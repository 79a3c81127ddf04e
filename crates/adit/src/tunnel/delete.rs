//! `tunnel delete TUNNEL…`

use super::{access::Access, objects::Tunnel, options::TunnelOptions};
use crate::{failure::Failure, personality::Personality};

#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// The tunnels' names or ids
    #[arg(value_name = "TUNNEL", required = true)]
    tunnels: Vec<String>,
    /// Also if it has connections or routes
    #[arg(long, short, env = "TUNNEL_RUN_FORCE_OVERWRITE", hide_env_values = true, value_parser = clap::builder::BoolishValueParser::new())]
    force: bool,
}

pub(super) async fn run(
    command: &Delete,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let access = Access::open(options, personality)?;
    for id in access.find_all(&command.tunnels).await? {
        let doing = format!("delete tunnel {id}");
        let target = access.tunnels(&format!("/{id}"));
        let tunnel: Tunnel = access
            .rest
            .get(target.clone())
            .await
            .map_err(|error| error.while_to(&doing))?;
        if tunnel.is_deleted() {
            return Err(Failure::because(format!("tunnel {id} is deleted already")));
        }
        let target = if command.force {
            target.with("cascade", "true")
        } else {
            target
        };
        access.rest.delete(target).await.map_err(|error| {
            let still_connected = matches!(&error, crate::rest::RestError::Refused { errors, .. } if errors.iter().any(|error| error.code == 1022));
            let failure = error.while_to(&doing);
            if still_connected { failure.hint("stop its connectors first, or use --force") } else { failure }
        })?;
    }
    Ok(())
}
