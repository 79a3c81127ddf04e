//! `adit env`: what makes official tools talk to this Adit.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use adit_wire::OriginCertificate;

use crate::{
    config::Role,
    data_dir::{DataDir, Lock, run_file::RunFile},
    failure::Failure,
    output,
};

/// Where a command finds a running Adit.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Place {
    /// The data directory of `adit up` or `adit server` [default: $XDG_DATA_HOME/adit]
    #[arg(long, value_name = "DIR", env = "ADIT_DATA_DIR", hide_env_values = true)]
    data_dir: Option<PathBuf>,
}

/// What is known of an Adit that runs here.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) dir: DataDir,
    pub(crate) run: RunFile,
    pub(crate) login: OriginCertificate,
}

impl Place {
    /// The data directory, whether anything runs with it or not.
    ///
    /// # Errors
    /// Says which command makes one.
    pub(crate) fn directory(&self) -> Result<DataDir, Failure> {
        let configured = self
            .data_dir
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty());
        let dir =
            DataDir::locate(configured, Role::Up, |name| std::env::var_os(name)).map_err(Failure::failed)?;
        if dir.exists() {
            return Ok(dir);
        }
        let sentence = format!("{} is no data directory of Adit", dir.path().display());
        Err(Failure::because(sentence).hint("make one with `adit up`, or name another with --data-dir"))
    }

    /// What the Adit that runs here said of itself; `None` if none runs.
    pub(crate) fn run_file(&self) -> Option<RunFile> {
        let dir = self.directory().ok()?;
        let run = RunFile::read(&dir).ok()??;
        Lock::is_held(dir.path()).then_some(run)
    }

    /// Reads the login certificate and what the running process said of itself.
    ///
    /// # Errors
    /// Says which command makes what is missing.
    pub(crate) fn running(&self) -> Result<Running, Failure> {
        let dir = self.directory()?;
        let start = "start Adit with `adit up`, or name another place with --data-dir";
        let Some(run) = RunFile::read(&dir).map_err(Failure::failed)? else {
            let sentence = format!(
                "no Adit is running with the data directory {}",
                dir.path().display()
            );
            return Err(Failure::because(sentence).hint(start));
        };
        if !Lock::is_held(dir.path()) {
            output::note("warning: Adit has stopped; these are the addresses it had");
        }
        let path = dir.login_certificate();
        let text = fs::read_to_string(&path).map_err(|error| {
            Failure::failed(anyhow::Error::new(error).context(format!("cannot read {}", path.display())))
        })?;
        let login = OriginCertificate::parse(&text).map_err(|error| {
            Failure::failed(anyhow::Error::new(error).context(format!("cannot use {}", path.display())))
        })?;
        Ok(Running { dir, run, login })
    }
}

impl RunFile {
    /// The API's URL without a path.
    pub(crate) fn api_url(&self) -> String {
        self.advertised
            .api
            .clone()
            .unwrap_or_else(|| format!("http://{}", reachable_here(self.listeners.api)))
    }

    /// The base of all REST paths.
    pub(crate) fn rest_base(&self) -> String {
        format!("{}/client/v4", self.api_url())
    }

    /// The edge address that connectors dial.
    pub(crate) fn edge_address(&self) -> String {
        self.advertised
            .edge
            .clone()
            .unwrap_or_else(|| reachable_here(self.listeners.edge).to_string())
    }
}

impl Running {
    /// Names and values, in the order in which they are printed.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let file = |path: PathBuf| path.display().to_string();
        let rest = self.run.rest_base();
        let edge = self.run.edge_address();
        vec![
            ("CLOUDFLARE_BASE_URL", rest.clone()),
            ("CLOUDFLARE_API_TOKEN", self.login.api_token.clone()),
            ("CLOUDFLARE_ACCOUNT_ID", self.login.account.to_string()),
            ("CLOUDFLARE_ZONE_ID", self.login.zone.to_string()),
            ("TUNNEL_API_URL", rest),
            // With one address alone the stock client spins when a connection fails.
            ("TUNNEL_EDGE", [edge.as_str(); 4].join(",")),
            ("TUNNEL_CACERT", file(self.dir.ca_certificate())),
            ("TUNNEL_ORIGIN_CERT", file(self.dir.login_certificate())),
            // Never a port: with one, a stock connector hands management requests to the user's origin.
            (
                "TUNNEL_MANAGEMENT_HOSTNAME",
                format!("management.{}", self.run.domain),
            ),
            ("NO_AUTOUPDATE", "true".to_owned()),
            ("TUNNEL_NO_PRECHECKS", "true".to_owned()),
            ("SSL_CERT_FILE", file(self.dir.ca_bundle())),
            ("ADIT_QUICK_SERVICE", self.run.api_url()),
        ]
    }
}

/// The loopback address of a listener that may listen on all addresses: what a process on this machine dials.
pub(crate) const fn reachable_here(listener: SocketAddr) -> SocketAddr {
    match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listener.port())
        }
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), listener.port())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => listener,
    }
}

/// Prints the `export` lines.
pub(crate) fn print(place: &Place) -> Result<(), Failure> {
    let variables = place.running()?.variables();
    let lines: String = variables
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", shell_quoted(value)))
        .collect();
    output::result(&lines)
}

/// A word of a POSIX shell.
pub(crate) fn shell_quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+,-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_with_blanks_or_quotes_survives_the_shell() {
        assert_eq!(
            shell_quoted("http://127.0.0.1:8787/client/v4"),
            "http://127.0.0.1:8787/client/v4"
        );
        assert_eq!(shell_quoted("/home/ada's files"), r"'/home/ada'\''s files'");
        assert_eq!(shell_quoted(""), "''");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[ -~\n]{0,40}") {
            let script = format!("printf %s {}", shell_quoted(&text));
            let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
