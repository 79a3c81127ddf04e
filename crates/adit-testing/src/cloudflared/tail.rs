//! `cloudflared tail`, which prints the log lines of a remote connector.

use std::{net::SocketAddr, path::Path};

use tempfile::TempDir;

use super::{Access, clean_command};
use crate::process::Process;

/// Starts `tail` with a management token and these flags, by way of `proxy`; `ca` signed the certificate of `host`.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn tail(binary: &Path, host: &str, token: &str, flags: &[&str], proxy: SocketAddr, ca: &Path) -> Access {
    let home = TempDir::new().expect("a temporary directory can be made");
    let mut command = clean_command(binary, home.path());
    command
        .arg("tail")
        .args(["--management-hostname", host])
        .args(flags)
        .env("TUNNEL_MANAGEMENT_TOKEN", token)
        .env("HTTPS_PROXY", format!("http://{proxy}"))
        .env("SSL_CERT_FILE", ca);
    let process = Process::spawn("cloudflared tail", command);
    Access { process, _home: home }
}
