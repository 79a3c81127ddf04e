//! The ways between client and origin.

pub(crate) mod adit;
mod api;
mod haproxy;
pub(crate) mod until;

use std::{env, net::SocketAddr, panic::AssertUnwindSafe, path::PathBuf};

use adit_testing::{
    cloudflared::{self, Protocol},
    process::Process,
};
use anyhow::{Context, bail};
use futures_util::FutureExt;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{args::Options, load::Target, origin::LISTENS, rounds::Sample, say};

/// A mode's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Client → origin.
    Direct,
    /// Client → HAProxy → TLS → HAProxy → origin.
    Haproxy,
    /// Client → our edge → QUIC → our connector → origin.
    Adit,
    /// Client → our edge → QUIC → stock connector → origin.
    StockQuic,
    /// Client → our edge → HTTP/2 → stock connector → origin.
    StockHttp2,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Direct,
        Self::Haproxy,
        Self::Adit,
        Self::StockQuic,
        Self::StockHttp2,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Haproxy => "haproxy",
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
    /// What they keep on disk.
    directories: Vec<TempDir>,
}

/// What every mode is built from.
struct Parts {
    origin: SocketAddr,
    adit: PathBuf,
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
            Kind::Adit => adit::with_own_connector(parts).await,
            Kind::StockQuic => adit::with_stock_connector(parts, stock()?, Protocol::Quic).await,
            Kind::StockHttp2 => adit::with_stock_connector(parts, stock()?, Protocol::Http2).await,
        }
    };
    // The harness fails tests by panicking: here that costs the mode, not the bench.
    match AssertUnwindSafe(starting).catch_unwind().await {
        Ok(way) => way,
        Err(_) => bail!("it did not come up, as told above"),
    }
}

fn direct(parts: &Parts) -> Way {
    let target = Target {
        addr: parts.origin,
        host: "origin.localhost".to_owned(),
    };
    Way {
        target,
        edge: None,
        connector: None,
        directories: Vec::new(),
    }
}

fn stock() -> anyhow::Result<PathBuf> {
    cloudflared::binary().context(cloudflared::ABSENT)
}

async fn start_origin() -> anyhow::Result<(Process, SocketAddr)> {
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
