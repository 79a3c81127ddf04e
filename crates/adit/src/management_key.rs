//! `adit management-key`: the key that signs management tokens.

use clap::{Args, Subcommand};

use crate::{data_dir::management_key::OldTokens, environment::Place, failure::Failure, output};

/// The key that signs management tokens
#[derive(Debug, Args)]
pub(crate) struct ManagementKeyArgs {
    #[command(subcommand)]
    command: ManagementKeyCommand,
}

#[derive(Debug, Subcommand)]
enum ManagementKeyCommand {
    /// Make a new key; it signs from Adit's next start on
    Rotate(Rotate),
}

#[derive(Debug, Args)]
struct Rotate {
    #[command(flatten)]
    place: Place,
    /// Refuse every token that was made before the next start: whoever uses one then, as `cloudflared tail` does, needs
    /// a new one. Without this, each stays good until it expires, within an hour
    #[arg(long)]
    revoke: bool,
}

/// Does what the command says.
///
/// # Errors
/// Says which file is in the way.
pub(crate) fn run(args: &ManagementKeyArgs) -> Result<(), Failure> {
    let ManagementKeyCommand::Rotate(rotate) = &args.command;
    let dir = rotate.place.directory()?;
    let old = if rotate.revoke {
        OldTokens::Revoke
    } else {
        OldTokens::Keep
    };
    let id = dir.rotate_management_key(old).map_err(Failure::failed)?;
    output::result(&format!(
        "Management tokens are signed with key {id} after the next start of Adit\n"
    ))?;
    if old == OldTokens::Revoke {
        output::note(
            "that start ends every management token made before it: `cloudflared tail` and scripts need new ones",
        );
    }
    Ok(())
}
