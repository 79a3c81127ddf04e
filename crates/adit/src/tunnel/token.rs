//! `tunnel token TUNNEL`

use adit_wire::TunnelToken;

use super::{
    access::{Access, write_credentials},
    options::{TunnelOptions, set},
};
use crate::{failure::Failure, output, personality::Personality};

#[derive(Debug, clap::Args)]
pub(super) struct Token {
    /// The tunnel's name or id
    #[arg(value_name = "TUNNEL")]
    words: Vec<String>,
}

pub(super) async fn run(
    command: &Token,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let [word] = &command.words[..] else {
        return Err(Failure::usage(
            "`tunnel token` needs one argument: a tunnel's name or id",
        ));
    };
    let access = Access::open(options, personality)?;
    let id = access.find(word).await?;
    let doing = format!("fetch the token of tunnel {word:?}");
    let target = access.tunnels(&format!("/{id}/token"));
    let text: String = access
        .rest
        .get(target)
        .await
        .map_err(|error| error.while_to(&doing))?;
    let token = TunnelToken::parse(&text).map_err(|error| {
        Failure::failed(anyhow::Error::new(error).context("the API's tunnel token is unusable"))
    })?;
    let Some(path) = set(options.credentials_file.as_ref()) else {
        return output::result(&format!("{}\n", token.encode()));
    };
    write_credentials(path, &token.into()).map_err(|error| {
        let sentence = format!("cannot write the credentials file {}", path.display());
        Failure::failed(anyhow::Error::new(error).context(sentence))
    })
}
