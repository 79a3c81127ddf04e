//! The API and the account that `tunnel` commands work on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use adit_model::TunnelId;
use adit_wire::{CredentialsFile, OriginCertificate, management_token::ManagementResource};

use super::{
    objects::Tunnel,
    options::{TunnelOptions, path, set},
};
use crate::{
    failure::Failure,
    personality::Personality,
    rest::{Rest, RestError, Target},
};

/// Where the stock client looks for `cert.pem` and credentials files when nobody says where they are.
const DIRECTORIES: [&str; 5] = [
    "~/.cloudflared",
    "~/.cloudflare-warp",
    "~/cloudflare-warp",
    "/etc/cloudflared",
    "/usr/local/etc/cloudflared",
];

/// How commands beside `tunnel` are told of API and login: with the flags and variables that `tunnel` has for them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AccessOptions {
    /// The API's URL, ending in /client/v4
    #[arg(long, value_name = "URL", env = "TUNNEL_API_URL", hide_env_values = true)]
    pub(crate) api_url: Option<String>,
    /// The certificate of a login (cert.pem)
    #[arg(long, value_name = "FILE", env = "TUNNEL_ORIGIN_CERT", hide_env_values = true, value_parser = path())]
    pub(crate) origincert: Option<PathBuf>,
    /// A CA that may have signed certificates, beside the system's
    #[arg(long, value_name = "FILE", env = "TUNNEL_CACERT", hide_env_values = true, value_parser = path())]
    pub(crate) cacert: Option<PathBuf>,
}

/// An API with a login.
pub(crate) struct Access {
    pub(super) rest: Rest,
    pub(super) login: OriginCertificate,
    /// Where the login was found; credentials files lie beside it.
    pub(super) login_path: PathBuf,
    credentials_file: Option<PathBuf>,
    page_size: Option<u32>,
}

impl Access {
    /// Finds login and API.
    ///
    /// # Errors
    /// Says what to set.
    pub(super) fn open(options: &TunnelOptions, personality: Personality) -> Result<Self, Failure> {
        let sources = AccessOptions {
            api_url: options.api_url.clone(),
            origincert: options.origincert.clone(),
            cacert: options.cacert.clone(),
        };
        Ok(Self {
            credentials_file: set(options.credentials_file.as_ref()).cloned(),
            page_size: options.max_fetch_size,
            ..Self::from(&sources, personality)?
        })
    }

    /// As [`Access::open`], for commands beside `tunnel`.
    pub(crate) fn from(options: &AccessOptions, personality: Personality) -> Result<Self, Failure> {
        let (login, login_path) = read_login(options.origincert.as_ref())?;
        let base = match (
            options.api_url.as_deref().filter(|url| !url.is_empty()),
            personality,
        ) {
            (Some(url), _) => url,
            (None, Personality::Cloudflared) => "https://api.cloudflare.com/client/v4",
            (None, Personality::Adit) => {
                return Err(
                    Failure::usage("no API: neither --api-url nor TUNNEL_API_URL is set")
                        .hint("eval \"$(adit env)\""),
                );
            }
        };
        let rest = Rest::new(
            base,
            &login.api_token,
            set(options.cacert.as_ref()).map(PathBuf::as_path),
        )
        .map_err(|error| error.while_to("use the API"))?;
        Ok(Self {
            rest,
            login,
            login_path,
            credentials_file: None,
            page_size: None,
        })
    }

    /// A management token for a tunnel, that opens this. A credential.
    pub(crate) async fn management_token(
        &self,
        tunnel: TunnelId,
        resource: ManagementResource,
    ) -> Result<String, Failure> {
        let target = self.tunnels(&format!("/{tunnel}/management/{resource}"));
        let doing = format!("get a management token for tunnel {tunnel}");
        let token = self.rest.post(target).await;
        token.map_err(|error| error.while_to(&doing))
    }

    /// The tunnels of the account, or one of them, or what is below one.
    pub(super) fn tunnels(&self, below: &str) -> Target {
        Target::new(format!("/accounts/{}/cfd_tunnel{below}", self.login.account))
    }

    /// One of Adit's own calls on the account.
    pub(super) fn of_adit(&self, below: &str) -> Target {
        Target::new(format!("/accounts/{}/adit{below}", self.login.account))
    }

    /// How much a page of a list holds, if it was said.
    pub(super) const fn page_size(&self) -> Option<u32> {
        self.page_size
    }

    /// Every tunnel that a target lists.
    pub(super) async fn list(&self, target: &Target) -> Result<Vec<Tunnel>, RestError> {
        self.rest.list(target, self.page_size).await
    }

    /// The tunnel that a word means: an id, else the credentials file's, else a name.
    ///
    /// # Errors
    /// If no live tunnel has that name, or the API cannot be asked.
    pub(crate) async fn find(&self, word: &str) -> Result<TunnelId, Failure> {
        if let Ok(id) = word.parse() {
            return Ok(id);
        }
        if let Some(path) = &self.credentials_file
            && let Ok(credentials) = read_credentials(path, None)
        {
            return Ok(credentials.tunnel.tunnel);
        }
        self.find_by_name(word).await
    }

    async fn find_by_name(&self, word: &str) -> Result<TunnelId, Failure> {
        let doing = format!("look up tunnel {word:?}");
        let target = self.tunnels("").with("is_deleted", "false").with("name", word);
        let found = self.list(&target).await.map_err(|error| error.while_to(&doing))?;
        let id = found.first().and_then(|tunnel| tunnel.id.parse().ok());
        id.ok_or_else(|| {
            Failure::because(format!(
                "{word} is neither the id nor the name of a tunnel of this account"
            ))
            .hint("`tunnel list` shows them all")
        })
    }

    /// Whether the account has a live tunnel of that name.
    pub(super) async fn is_tunnel(&self, name: &str) -> Result<bool, Failure> {
        let target = self.tunnels("").with("is_deleted", "false").with("name", name);
        let doing = format!("look up tunnel {name:?}");
        let found = self.list(&target).await.map_err(|error| error.while_to(&doing))?;
        Ok(!found.is_empty())
    }

    /// The tunnels that the words mean; ids come first, as they need no look-up.
    pub(super) async fn find_all(&self, words: &[String]) -> Result<Vec<TunnelId>, Failure> {
        let mut ids: Vec<TunnelId> = words.iter().filter_map(|word| word.parse().ok()).collect();
        for word in words.iter().filter(|word| word.parse::<TunnelId>().is_err()) {
            ids.push(self.find_by_name(word).await?);
        }
        Ok(ids)
    }
}

fn read_login(origincert: Option<&PathBuf>) -> Result<(OriginCertificate, PathBuf), Failure> {
    let found = set(origincert).cloned().or_else(|| {
        directories()
            .into_iter()
            .map(|dir| dir.join("cert.pem"))
            .find(|path| path.exists())
    });
    let Some(path) = found else {
        return Err(Failure::because(
            "no login: TUNNEL_ORIGIN_CERT is not set, and no cert.pem is in the usual places",
        )
        .hint("eval \"$(adit env)\", or name a cert.pem with --origincert"));
    };
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::failed(
            anyhow::Error::new(error).context(format!("cannot read the login {}", path.display())),
        )
        .hint("name a cert.pem with --origincert or TUNNEL_ORIGIN_CERT")
    })?;
    let login = OriginCertificate::parse(&text).map_err(|error| {
        Failure::failed(anyhow::Error::new(error).context(format!("cannot use the login {}", path.display())))
    })?;
    Ok((login, path))
}

/// The usual directories, with the home directory filled in.
pub(crate) fn directories() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from);
    DIRECTORIES
        .iter()
        .filter_map(|dir| match dir.strip_prefix("~/") {
            Some(rest) => home.as_ref().map(|home| home.join(rest)),
            None => Some(PathBuf::from(dir)),
        })
        .collect()
}

/// Reads a credentials file, which is of that tunnel, or of the one that it names.
pub(super) fn read_credentials(path: &Path, tunnel: Option<TunnelId>) -> Result<CredentialsFile, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::failed(
            anyhow::Error::new(error).context(format!("cannot read the credentials file {}", path.display())),
        )
    })?;
    let file = match tunnel {
        Some(tunnel) => CredentialsFile::parse_of(&text, tunnel),
        None => CredentialsFile::parse(&text),
    };
    file.map_err(|error| {
        Failure::failed(
            anyhow::Error::new(error).context(format!("cannot use the credentials file {}", path.display())),
        )
    })
}

/// Writes a credentials file that does not exist yet, readable by its owner only.
pub(super) fn write_credentials(path: &Path, credentials: &CredentialsFile) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(path)?;
    file.write_all(credentials.encode().as_bytes())?;
    file.sync_all()
}
