//! `tunnel create NAME`

use std::path::{Path, PathBuf};

use adit_model::{TunnelId, TunnelKey, TunnelSecret};
use adit_wire::CredentialsFile;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use rand::Rng as _;
use serde_json::json;

use super::{
    access::{Access, write_credentials},
    format::ResultFormat,
    objects::Tunnel,
    options::{TunnelOptions, set},
    render,
};
use crate::{failure::Failure, output, personality::Personality};

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The tunnel's name
    #[arg(value_name = "NAME")]
    words: Vec<String>,
    /// The tunnel's secret, base64 of at least 32 bytes [default: 32 random bytes]
    #[arg(
        long,
        short,
        value_name = "BASE64",
        env = "TUNNEL_CREATE_SECRET",
        hide_env_values = true
    )]
    secret: Option<String>,
}

/// Makes a tunnel as the command does that is told nothing but the name.
pub(super) async fn named(
    name: &str,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let command = Create {
        words: vec![name.to_owned()],
        secret: None,
    };
    run(&command, options, personality).await
}

pub(super) async fn run(
    command: &Create,
    options: &TunnelOptions,
    personality: Personality,
) -> Result<(), Failure> {
    let [name] = &command.words[..] else {
        return Err(Failure::usage(
            "`tunnel create` needs one argument: the tunnel's name",
        ));
    };
    let format = ResultFormat::of(options)?;
    let doing = format!("create tunnel {name:?}");
    if name.parse::<TunnelId>().is_ok() {
        return Err(Failure::because(
            "a tunnel's name cannot be a UUID, for it could not be told from an id",
        ));
    }
    let secret = secret(command.secret.as_deref().filter(|text| !text.is_empty()))?;
    let access = Access::open(options, personality)?;
    let body = json!({"name": name, "tunnel_secret": BASE64_STANDARD.encode(secret.expose())});
    let tunnel: Tunnel = access
        .rest
        .send(Method::POST, access.tunnels(""), &body)
        .await
        .map_err(|error| error.while_to(&doing))?;
    let id: TunnelId = tunnel
        .id
        .parse()
        .map_err(|_| Failure::because("the API answered without a tunnel id"))?;

    let chosen = set(options.credentials_file.as_ref());
    let path = chosen.cloned().unwrap_or_else(|| beside(&access.login_path, id));
    let credentials = CredentialsFile {
        tunnel: TunnelKey {
            account: access.login.account,
            tunnel: id,
        },
        secret,
        name: None,
    };
    if let Err(error) = write_credentials(&path, &credentials) {
        return Err(undo(&access, id, &path, error).await);
    }
    match format {
        ResultFormat::Json => return render::json(&tunnel),
        ResultFormat::Yaml => return output::result(&tunnel.to_yaml_with_token().document()),
        ResultFormat::Table => {}
    }
    let reason = if chosen.is_some() {
        ""
    } else {
        " It lies beside the origin certificate."
    };
    output::result(&format!(
        "Tunnel credentials written to {}.{reason} Who reads it can run the tunnel; deleting the tunnel revokes it.\n\n\
         Created tunnel {} with id {id}\n",
        path.display(),
        tunnel.name,
    ))
}

fn secret(given: Option<&str>) -> Result<TunnelSecret, Failure> {
    let bytes = match given {
        Some(text) => BASE64_STANDARD
            .decode(text)
            .map_err(|_| Failure::because("the secret is not standard base64"))?,
        None => {
            let mut bytes = vec![0; 32];
            rand::rng().fill_bytes(&mut bytes);
            bytes
        }
    };
    TunnelSecret::new(bytes).map_err(Failure::failed)
}

fn beside(login: &Path, id: TunnelId) -> PathBuf {
    login.with_file_name(format!("{id}.json"))
}

/// A tunnel whose secret is lost is of no use to anyone.
async fn undo(access: &Access, id: TunnelId, path: &Path, error: std::io::Error) -> Failure {
    let deleted = access
        .rest
        .delete(access.tunnels(&format!("/{id}")).with("cascade", "true"))
        .await;
    let outcome = match deleted {
        Ok(()) => "the tunnel was deleted again".to_owned(),
        Err(error) => format!("and the tunnel {id} could not be deleted again: {error}"),
    };
    let sentence = format!(
        "cannot write the tunnel's credentials to {}; {outcome}",
        path.display()
    );
    Failure::failed(anyhow::Error::new(error).context(sentence))
        .hint("name another place with --credentials-file")
}
