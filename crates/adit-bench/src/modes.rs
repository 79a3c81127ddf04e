//! The ways between client and origin.

pub(crate) mod adit;
pub(crate) mod api;
pub(crate) mod edge;
mod haproxy;
mod rathole;
pub(crate) mod until;

use std::{
    env,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    panic::AssertUnwindSafe,
    path::PathBuf,
};

use adit_testing::{
    client,
    cloudflared::{self, Protocol},
    process::Process,
};
use anyhow::{Context, bail, ensure};
use futures_util::FutureExt;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    args::Options,
    load::Target,
    origin::{LISTENS, SMALL},
    rounds::Sample,
    say,
};

/// A mode's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Client → origin.
    Direct,
    /// Client → HAProxy → TLS → HAProxy → origin.
    Haproxy,
    /// Client → rathole → its Noise transport → rathole → origin.
    Rathole,
    /// Client → our edge → QUIC → our connector → origin.
    Adit,
    /// Client → our edge → QUIC → stock connector → origin.
    StockQuic,
    /// Client → our edge → HTTP/2 → stock connector → origin.
    StockHttp2,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Direct,
        Self::Haproxy,
        Self::Rathole,
        Self::Adit,
        Self::StockQuic,
        Self::StockHttp2,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Haproxy => "haproxy",
            Self::Rathole => "rathole",
            Self::Adit => "adit",
            Self::StockQuic => "stock-quic",
            Self::StockHttp2 => "stock-http2",
        }
    }

    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("no mode is called {name:?}"))
    }
}

/// A mode that runs, with what was measured of it.
#[derive(Debug)]
pub(crate) struct Mode {
    pub(crate) kind: Kind,
    pub(crate) way: Way,
    pub(crate) samples: Vec<Sample>,
}

/// The processes between client and origin. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Way {
    /// Where it is entered.
    pub(crate) target: Target,
    /// The hop that the client meets, if any.
    pub(crate) edge: Option<Process>,
    /// The hop that the origin meets, if any.
    pub(crate) connector: Option<Process>,
    /// Where else our edge is reached; of another program, nothing.
    pub(crate) https: Option<Https>,
    /// What they keep on disk.
    directories: Vec<TempDir>,
}

/// The listener for TLS, and who vouches for its certificates.
#[derive(Debug)]
pub(crate) struct Https {
    pub(crate) addr: SocketAddr,
    pub(crate) ca: PathBuf,
}

/// What every mode is built from.
pub(crate) struct Parts {
    pub(crate) origin: SocketAddr,
    pub(crate) adit: PathBuf,
}

/// Starts the origin, which must live as long as the modes, and every mode that can run here; says which cannot and why.
///
/// # Errors
/// When Adit's own modes cannot run, or none is left.
pub(crate) async fn start(options: &Options) -> anyhow::Result<(Process, Vec<Mode>)> {
    let (origin_process, origin) = start_origin().await?;
    let parts = Parts {
        origin,
        adit: adit_program(options)?,
    };
    let mut modes = Vec::new();
    for kind in options.kinds.iter().copied() {
        match start_mode(kind, &parts).await {
            Ok(way) => modes.push(Mode {
                kind,
                way,
                samples: Vec::new(),
            }),
            Err(failure) if kind == Kind::Adit => return Err(failure.context("mode adit cannot run")),
            Err(reason) => say(&format!("left out: {}: {reason:#}", kind.name())),
        }
    }
    if modes.is_empty() {
        bail!("no mode can run here");
    }
    Ok((origin_process, modes))
}

async fn start_mode(kind: Kind, parts: &Parts) -> anyhow::Result<Way> {
    say(&format!("starting {}", kind.name()));
    let starting = async {
        match kind {
            Kind::Direct => Ok(direct(parts)),
            Kind::Haproxy => haproxy::start(parts).await,
            Kind::Rathole => rathole::start(parts).await,
            Kind::Adit => adit::with_own_connector(parts).await,
            Kind::StockQuic => adit::with_stock_connector(parts, stock()?, Protocol::Quic).await,
            Kind::StockHttp2 => adit::with_stock_connector(parts, stock()?, Protocol::Http2).await,
        }
    };
    unless_it_panics(starting).await
}

/// The harness fails tests by panicking: here that costs one measurement, not the bench.
pub(crate) async fn unless_it_panics<T>(
    starting: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    match AssertUnwindSafe(starting).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_) => bail!("it did not come up, as told above"),
    }
}

/// HAProxy and rathole take no port 0, so a port is tried out and given back.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until a GET through another program's way reaches the origin.
async fn answers(target: &Target, program: &str) -> anyhow::Result<()> {
    until::until(&format!("{program} to answer"), async || {
        let answer = client::get(target.addr, &target.host, SMALL)
            .await
            .map_err(anyhow::Error::from_boxed)?;
        ensure!(answer.status == 200, "it answers {}", answer.status);
        Ok(())
    })
    .await
}

pub(crate) fn direct(parts: &Parts) -> Way {
    let target = Target {
        addr: parts.origin,
        host: "origin.localhost".to_owned(),
        proxy: None,
    };
    Way {
        target,
        edge: None,
        connector: None,
        https: None,
        directories: Vec::new(),
    }
}

pub(crate) fn stock() -> anyhow::Result<PathBuf> {
    cloudflared::binary().context(cloudflared::ABSENT)
}

pub(crate) async fn start_origin() -> anyhow::Result<(Process, SocketAddr)> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("origin");
    let process = Process::spawn("origin", command);
    let line = process.line(LISTENS).await;
    let addr = line
        .trim_start_matches(LISTENS)
        .parse()
        .context("the origin tells no address")?;
    Ok((process, addr))
}

pub(crate) fn adit_program(options: &Options) -> anyhow::Result<PathBuf> {
    let beside = || Ok::<_, std::io::Error>(env::current_exe()?.with_file_name("adit"));
    let program = options.adit.clone().map_or_else(beside, Ok)?;
    if !program.is_file() {
        bail!(
            "no program at {}: build it with cargo build --release -p adit",
            program.display()
        );
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_found_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.name()), Ok(kind));
        }
    }
}
