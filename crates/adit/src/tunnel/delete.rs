//! `tunnel delete TUNNEL…`

use std::{fs, path::PathBuf};

use adit_model::TunnelId;

use super::{
    access::{Access, directories},
    objects::Tunnel,
    options::{TunnelOptions, set},
    render,
};
use crate::{failure::Failure, personality::Personality};

#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// The tunnels' names or ids
    #[arg(value_name = "TUNNEL")]
    tunnels: Vec<String>,
    /// Also if it has connections or routes
    #[arg(long, short, env = "TUNNEL_RUN_FORCE_OVERWRITE", hide_env_values = true)]
    force: bool,
}

pub(super) async fn run(
    command: &Delete,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    if command.tunnels.is_empty() {
        return Err(Failure::usage(
            "`tunnel delete` needs at least one tunnel: its name or id",
        ));
    }
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
        if let Some(path) = credentials_file(id, &access, options)
            && let Err(error) = fs::remove_file(&path)
        {
            render::log_line(
                &format!(
                    "Tunnel {id} is deleted; its credentials file {} could not be, and is of no use any more: {error}",
                    path.display()
                ),
                None,
            );
        }
    }
    Ok(())
}

/// The credentials file of a tunnel, if there is one: the one that was named, else that of its id, beside the login
/// and then in the usual places.
fn credentials_file(id: TunnelId, access: &Access, options: &TunnelOptions) -> Option<PathBuf> {
    if let Some(path) = set(options.credentials_file.as_ref()) {
        return path.exists().then(|| path.clone());
    }
    let name = format!("{id}.json");
    let beside = access.login_path.with_file_name(&name);
    let usual = directories().into_iter().map(|directory| directory.join(&name));
    std::iter::once(beside).chain(usual).find(|path| path.is_file())
}
