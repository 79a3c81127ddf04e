//! `tunnel run [TUNNEL]`

use std::{
    fs,
    path::{Path, PathBuf},
};

use adit_model::TunnelId;
use adit_wire::{CredentialsFile, TunnelToken};

use super::{
    access::{Access, directories, read_credentials},
    ad_hoc::AdHocFlags,
    connect,
    options::{TunnelOptions, path, set},
    plan::Prepared,
};
use crate::{failure::Failure, open_files, personality::Personality};

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The tunnel's name or id, if credentials and not a token are used
    #[arg(value_name = "TUNNEL")]
    tunnel: Option<String>,
    /// The tunnel token; better in TUNNEL_TOKEN or a file, for others see the flags of a process
    #[arg(long, value_name = "TOKEN", env = "TUNNEL_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file with the tunnel token
    #[arg(long, value_name = "FILE", env = "TUNNEL_TOKEN_FILE", hide_env_values = true, value_parser = path())]
    token_file: Option<PathBuf>,
    /// The content of a credentials file
    #[arg(
        long,
        value_name = "JSON",
        env = "TUNNEL_CRED_CONTENTS",
        hide_env_values = true
    )]
    credentials_contents: Option<String>,
}

/// Starts logging, checks everything that can be checked before the first dial, and serves.
pub(super) async fn run(
    command: &Run,
    options: &TunnelOptions,
    ad_hoc: &AdHocFlags,
    personality: Personality,
) -> Result<(), Failure> {
    options.log.start(options.log_format(), personality);
    ad_hoc.note_ignored_hostname();
    open_files::raise_limit();
    let prepared = Prepared::read(options, personality)?;
    let token = token(command, options, personality).await?;
    if !prepared.has_rules() && command.token.as_deref().is_none_or(str::is_empty) {
        tracing::warn!(
            "No ingress rules were defined in the configuration file or by --url: everything is answered with 503 until \
             the edge sends some"
        );
    }
    connect::serve(prepared.plan(token).await?).await
}

/// The token; else its file; else credentials: content, named file, or found by the tunnel's id.
async fn token(
    command: &Run,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<TunnelToken, Failure> {
    if let Some(text) = command.token.as_deref().filter(|text| !text.is_empty()) {
        return parse_token(text);
    }
    if let Some(path) = set(command.token_file.as_ref()) {
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read the token file {}: {error}", path.display()))
        })?;
        return parse_token(&text);
    }
    let contents = command.credentials_contents.as_deref();
    if let Some(text) = contents.filter(|text| !text.is_empty()) {
        let id = command.tunnel.as_deref().and_then(|word| word.parse().ok());
        let file = match id {
            Some(id) => CredentialsFile::parse_of(text, id),
            None => CredentialsFile::parse(text),
        };
        let told = |error| Failure::misuse(format!("the credentials' content cannot be used: {error}"));
        return file.map(Into::into).map_err(told);
    }
    let Some(word) = command.tunnel.as_deref() else {
        if let Some(path) = set(options.credentials_file.as_ref()) {
            return read_credentials(path, None).map(Into::into);
        }
        return Err(Failure::usage(
            "which tunnel? Neither a token nor credentials nor a tunnel's name or id is given",
        )
        .hint("--token TOKEN, --token-file FILE, --credentials-file FILE, or the tunnel"));
    };
    of_tunnel(word, options, personality).await
}

/// The credentials of a tunnel, from their file beside the login or in the usual places.
///
/// # Errors
/// If there is no such tunnel, or no such file.
pub(super) async fn of_tunnel(
    word: &str,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<TunnelToken, Failure> {
    let named = set(options.credentials_file.as_ref());
    let (id, login) = match word.parse::<TunnelId>() {
        Ok(id) => (id, set(options.origincert.as_ref()).cloned()),
        Err(_) => {
            // A file knows its tunnel without the API, unless it is of the first versions.
            if let Some(path) = named
                && let Ok(file) = read_credentials(path, None)
            {
                return Ok(file.into());
            }
            let access = Access::open(options, personality)?;
            (access.find(word).await?, Some(access.login_path))
        }
    };
    let path = match named {
        Some(path) => path.clone(),
        None => find_credentials(id, login.as_deref())?,
    };
    read_credentials(&path, Some(id)).map(Into::into)
}

fn parse_token(text: &str) -> Result<TunnelToken, Failure> {
    TunnelToken::parse(text).map_err(|error| {
        Failure::usage(format!("the tunnel token cannot be used: {error}"))
            .hint("`tunnel token NAME` prints it")
    })
}

fn find_credentials(id: TunnelId, login: Option<&Path>) -> Result<PathBuf, Failure> {
    let beside = login.and_then(Path::parent).map(Path::to_owned);
    let name = format!("{id}.json");
    beside
        .into_iter()
        .chain(directories())
        .map(|dir| dir.join(&name))
        .find(|path| path.exists())
        .ok_or_else(|| {
            Failure::because(format!(
                "no credentials file {name} beside the login or in the usual places"
            ))
            .hint(format!("`tunnel token --credentials-file {name} {id}` makes one"))
        })
}
