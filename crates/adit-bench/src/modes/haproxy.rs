//! Two HAProxy processes with TLS between: what a tunnel would cost if it were two well-made proxies.

use std::{fs, net::SocketAddr, path::Path};

use adit_testing::process::Process;
use anyhow::Context;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::process::Command;

use super::{Parts, Way, answers, free_address};
use crate::load::Target;

const INNER_NAME: &str = "inner.haproxy.localhost";

pub(super) async fn start(parts: &Parts) -> anyhow::Result<Way> {
    let directory = TempDir::new()?;
    let path = directory.path();
    write_certificate(path)?;
    let (outer, inner) = (free_address()?, free_address()?);
    let connector = spawn(path, "inner", &inner_config(path, inner, parts.origin))?;
    let edge = spawn(path, "outer", &outer_config(path, outer, inner))?;
    let target = Target {
        addr: outer,
        host: "origin.localhost".to_owned(),
        proxy: None,
    };
    answers(&target, "HAProxy").await?;
    Ok(Way {
        target,
        edge: Some(edge),
        connector: Some(connector),
        https: None,
        directories: vec![directory],
    })
}

fn spawn(directory: &Path, name: &str, config: &str) -> anyhow::Result<Process> {
    let file = directory.join(format!("{name}.cfg"));
    fs::write(&file, config)?;
    // A user's PATH often lacks the directory where Debian puts it.
    let program = ["haproxy", "/usr/sbin/haproxy"].into_iter().find(|program| {
        std::process::Command::new(program)
            .arg("-v")
            .output()
            .is_ok_and(|output| output.status.success())
    });
    let mut command = Command::new(program.context("no haproxy on PATH (Debian package haproxy)")?);
    command.args(["-db", "-f"]).arg(&file);
    Ok(Process::spawn(&format!("haproxy {name}"), command))
}

/// One file with certificate and key, as HAProxy wants it, and the certificate alone for the other side to check.
fn write_certificate(directory: &Path) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new([INNER_NAME.to_owned()])?
        .self_signed(&key)?
        .pem();
    fs::write(directory.join("ca.pem"), &certificate)?;
    fs::write(directory.join("inner.pem"), certificate + &key.serialize_pem())?;
    Ok(())
}

const DEFAULTS: &str = "\
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
";

fn outer_config(directory: &Path, listen: SocketAddr, inner: SocketAddr) -> String {
    let ca = directory.join("ca.pem");
    format!(
        "{DEFAULTS}listen outer\n  bind {listen}\n  server inner {inner} ssl verify required ca-file {} \
         sni str({INNER_NAME}) verifyhost {INNER_NAME}\n",
        ca.display()
    )
}

fn inner_config(directory: &Path, listen: SocketAddr, origin: SocketAddr) -> String {
    let certificate = directory.join("inner.pem");
    format!(
        "{DEFAULTS}listen inner\n  bind {listen} ssl crt {} ssl-min-ver TLSv1.3\n  server origin {origin}\n",
        certificate.display()
    )
}
