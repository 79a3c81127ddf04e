//! rathole, a tunnel of bare TCP in Rust, with its Noise transport.

use std::{fs, path::Path, process::Command as Plain};

use adit_testing::process::Process;
use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use super::{Parts, Way, answers, free_address};
use crate::load::Target;

const PROGRAM: &str = "rathole";

pub(super) async fn start(parts: &Parts) -> anyhow::Result<Way> {
    let directory = TempDir::new()?;
    let path = directory.path();
    let (private_key, public_key) = keys()?;
    let (public, tunnel) = (free_address()?, free_address()?);
    let server = format!(
        "[server]\nbind_addr = \"{tunnel}\"\ndefault_token = \"bench\"\n\
         [server.transport]\ntype = \"noise\"\n[server.transport.noise]\nlocal_private_key = \"{private_key}\"\n\
         [server.services.bench]\nbind_addr = \"{public}\"\n"
    );
    let client = format!(
        "[client]\nremote_addr = \"{tunnel}\"\ndefault_token = \"bench\"\n\
         [client.transport]\ntype = \"noise\"\n[client.transport.noise]\nremote_public_key = \"{public_key}\"\n\
         [client.services.bench]\nlocal_addr = \"{}\"\n",
        parts.origin
    );
    let edge = spawn(path, "--server", &server)?;
    let connector = spawn(path, "--client", &client)?;
    let target = Target {
        addr: public,
        host: "origin.localhost".to_owned(),
        proxy: None,
    };
    answers(&target, PROGRAM).await?;
    Ok(Way {
        target,
        edge: Some(edge),
        connector: Some(connector),
        https: None,
        directories: vec![directory],
    })
}

fn spawn(directory: &Path, side: &str, config: &str) -> anyhow::Result<Process> {
    let file = directory.join(format!("{}.toml", side.trim_start_matches('-')));
    fs::write(&file, config)?;
    let mut command = Command::new(PROGRAM);
    command.arg(side).arg(&file).env("RUST_LOG", "warn");
    Ok(Process::spawn(&format!("{PROGRAM} {side}"), command))
}

/// The server's key pair, as rathole prints it: each on the line after its name.
fn keys() -> anyhow::Result<(String, String)> {
    let printed = Plain::new(PROGRAM).arg("--genkey").output();
    let printed = printed.context("no rathole on PATH (cargo install rathole)")?;
    ensure!(printed.status.success(), "rathole --genkey failed");
    let text = String::from_utf8(printed.stdout)?;
    let after = |name: &str| {
        let mut lines = text.lines().skip_while(|line| !line.starts_with(name)).skip(1);
        let key = lines.next().map(|key| key.trim().to_owned());
        key.with_context(|| format!("rathole --genkey prints no {name}"))
    };
    Ok((after("Private Key")?, after("Public Key")?))
}
