//! `adit server --conformance`: the API alone, for the test suites of the official SDKs.
//!
//! The suites expect objects under fixed ids, and have credentials that are printed in their sources. So this mode
//! listens on loopback only, in a data directory of its own, without an edge, and says at its start what it is. The
//! store and the API in it are those of every other mode.

mod directory;
mod edges;
mod seed;
mod worlds;

use std::sync::Arc;

use adit_api::{Limits, conformance_router};
use anyhow::Context;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Role, Settings},
    data_dir::DataDir,
    failure::Failure,
    logging::{self, Logging},
    output,
    runtime::on_all_cores,
    signals::StopSignals,
};
use worlds::SuiteWorlds;

const WARNING: &str = "\
WARNING: conformance mode. Anyone who reaches this listener has all permissions, with credentials that are public,
and may erase everything. It is for the test suites of the official SDKs and nothing else.";

/// Serves until a signal stops it.
///
/// # Errors
/// Says why this mode is refused here, or which part could not start.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let log = logging::start(&settings.log_level.0, settings.log_format);
    refuse_what_others_could_reach(settings)?;
    on_all_cores(supervise(settings, log))
}

fn refuse_what_others_could_reach(settings: &Settings) -> Result<(), Failure> {
    if !settings.api_listen.ip().is_loopback() {
        let sentence = format!(
            "conformance mode listens on loopback only, not on {}",
            settings.api_listen
        );
        return Err(Failure::usage(sentence).hint("--api-listen 127.0.0.1:8787"));
    }
    if settings.store_url.is_some() {
        let sentence = "conformance mode fills and erases a store of its own, never that of store.url";
        return Err(Failure::usage(sentence).hint("leave --store-url, ADIT_STORE_URL and store.url out"));
    }
    match &settings.api_public_url {
        Some(url) if !url.leads_to_loopback() => {
            let sentence =
                "conformance mode is reached through loopback only, and api.public_url leads elsewhere";
            Err(Failure::usage(sentence)
                .hint("leave --api-public-url, ADIT_API_PUBLIC_URL and api.public_url out"))
        }
        Some(_) | None => Ok(()),
    }
}

async fn supervise(settings: &Settings, log: Arc<Logging>) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()
        .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot listen for signals")))?;
    let dir = DataDir::locate(settings.data_dir.as_deref(), Role::Server, |name| {
        std::env::var_os(name)
    })
    .map_err(Failure::failed)?;
    let _lock = directory::claim(&dir)?;
    output::note(WARNING);

    let worlds = Arc::new(SuiteWorlds::new(&dir, settings, log).map_err(Failure::failed)?);
    let first = worlds.make("").await.map_err(Failure::failed)?;
    let listener = TcpListener::bind(settings.api_listen)
        .await
        .with_context(|| format!("cannot listen on {} for the API", settings.api_listen))
        .map_err(Failure::failed)?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::failed(anyhow::Error::new(error)))?;
    let stop = CancellationToken::new();
    let mut servers = JoinSet::new();
    let router = conformance_router(first, Arc::clone(&worlds) as _);
    servers.spawn(adit_api::serve(
        listener,
        router,
        Limits::default(),
        Vec::new(),
        stop.clone(),
    ));
    output::result(&format!(
        "API      http://{address}/client/v4\nReset    POST http://{address}/conformance/reset?suite=FILE\nready\n"
    ))?;

    let signal = signals.next().await;
    tracing::info!(signal, "stopping");
    stop.cancel();
    tokio::select! {
        () = async { while servers.join_next().await.is_some() {} } => {}
        _ = signals.next() => servers.shutdown().await,
    }
    worlds.end().await;
    Ok(())
}
