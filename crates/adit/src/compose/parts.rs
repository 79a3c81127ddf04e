//! The parts and the wires between them.

use std::{sync::Arc, time::Duration};

use adit_api::{ApiState, Limits, QuickTunnelService};
use adit_core::{port::Catalog, quick_tunnel::Lifetimes, reserved_hosts::ReservedHosts};
use adit_edge::{Edge, EdgeConfig, ManagementConfig, PrivateLimits, PublicLimits};
use adit_model::AccountId;
use adit_store::{ApiTokenValue, BootstrapOutcome, Retention, Store, StoreOptions, UserKey};
use adit_wire::OriginCertificate;
use anyhow::Context;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Plan,
    announce::Facts,
    dashboard,
    demo::{self, Demo},
    keys::Keys,
    memory,
    mesh::Mesh,
    metrics_listener,
    progress::Progress,
    run::{address, listeners, run_file},
};
use crate::{
    config::{Bootstrap, Settings, StoreUrl},
    data_dir::{DataDir, file::write_private, run_file::RunFile},
    failure::Failure,
    logging::Logging,
    recorder,
};

/// The buffers of TCP flows from the mesh to connectors take up this part of the memory budget at most: one of so many.
const MESH_FLOWS: u64 = 8;
/// How long the last answers of the API may take once nothing else waits.
const API_STOP: Duration = Duration::from_secs(2);

/// Everything that runs.
pub(super) struct Parts {
    store: Arc<Store>,
    edge: Edge,
    mesh: Mesh,
    demo: Option<Demo>,
    /// The API's and the metrics' listeners.
    servers: JoinSet<()>,
    stop_servers: CancellationToken,
    run: RunFile,
    outcome: BootstrapOutcome,
}

impl Parts {
    /// Starts every part and writes `run.json` once every listener is open.
    pub(super) async fn start(
        plan: &Plan,
        dir: &DataDir,
        bootstrap: Bootstrap,
        logging: &Arc<Logging>,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        assemble(plan, dir, bootstrap, logging, progress)
            .await
            .map_err(Failure::failed)
    }

    /// Waits until the demo answers, if there is one.
    pub(super) async fn until_ready(&mut self, progress: &Progress) -> Result<(), Failure> {
        match &mut self.demo {
            Some(demo) => demo.until_it_answers(progress).await.map_err(Failure::failed),
            None => Ok(()),
        }
    }

    /// What there is to tell.
    pub(super) fn facts<'a>(&'a self, dir: &'a DataDir) -> Facts<'a> {
        Facts {
            dir,
            run: &self.run,
            first_start: self.outcome.first_start,
            zone: self.outcome.zone,
        }
    }

    /// Refuses new work, lets open streams finish for at most `grace`, then stops every part in order.
    pub(super) async fn stop(self, grace: Duration) {
        let Self {
            store,
            edge,
            mesh,
            demo,
            mut servers,
            stop_servers,
            ..
        } = self;
        // The API drains beside the edge; its own limit is the same grace period.
        stop_servers.cancel();
        if let Some(demo) = &demo {
            demo.drain();
        }
        // Nodes are told to come back before the edge, which takes them in, is gone.
        mesh.stop().await;
        edge.stop(grace).await;
        if let Some(demo) = demo {
            demo.stop().await;
        }
        let drained = tokio::time::timeout(grace + API_STOP, async {
            while servers.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            servers.shutdown().await;
        }
        store.close().await;
    }
}

async fn assemble(
    plan: &Plan,
    dir: &DataDir,
    bootstrap: Bootstrap,
    logging: &Arc<Logging>,
    progress: &Progress,
) -> anyhow::Result<Parts> {
    let settings = &plan.settings;
    let metrics = recorder::install()?;
    progress.waits_for("keys and certificates");
    let keys = Keys::open(dir)?;

    progress.waits_for("the store");
    let store = Arc::new(
        Store::open(
            &store_url(settings, dir).expose(),
            &keys.store,
            store_options(settings),
        )
        .await?,
    );
    let outcome = set_up(&store, settings, dir, bootstrap).await?;

    progress.waits_for("the API's listener");
    let api = TcpListener::bind(settings.api_listen)
        .await
        .with_context(|| format!("cannot listen on {} for the API", settings.api_listen))?;
    let metrics_listener = metrics_listener::bind(settings.metrics_listen).await?;

    progress.waits_for("the mesh's listener");
    let mut mesh = Mesh::start(settings, keys.mesh, &store)?;

    progress.waits_for("the edge's listeners");
    let authority = Arc::new(keys.authority);
    let memory_budget = settings
        .edge_memory_budget
        .map_or_else(memory::quarter, |size| size.0);
    let config = EdgeConfig {
        node: store.node(),
        domain: settings.domain.clone(),
        location: settings.location.clone(),
        connectors: settings.edge_listen,
        http: Some(settings.http_listen),
        https: Some(settings.https_listen),
        private_proxy: settings.private_proxy_listen,
        datagram_flows: adit_core::sessions::FlowLimits::default(),
        limits: public_limits(settings)?,
        private: PrivateLimits {
            allow: settings.private_allow.clone(),
            own_listeners: vec![address(&api)?, address(&metrics_listener)?],
            ..PrivateLimits::default()
        },
        access_log: logging.access(),
        mesh: Some(mesh.streams()),
        mesh_carriers: Some(mesh.carriers()),
        certificates: settings.https_cert_dir.clone(),
        memory_budget,
        relieve_memory: crate::allocator::give_back,
        management: ManagementConfig {
            verifier: keys.management.verifier(),
            origins: dashboard::origins(settings, &api)?,
        },
        quic_keys: keys.quic,
        authority: Arc::clone(&authority),
        leaf_key: Arc::new(keys.leaf),
    };
    let edge = Edge::start(config, Arc::clone(&store) as _, Arc::clone(&store) as _).await?;
    mesh.tell_carriers(settings, edge.addresses().https);
    mesh.reach(edge.private(), memory_budget / MESH_FLOWS);

    let stop_servers = CancellationToken::new();
    let mut servers = JoinSet::new();
    let listeners = listeners(&edge, &mesh, &api, &metrics_listener)?;
    let limits = Limits {
        grace_period: settings.grace_period.0,
        ..Limits::default()
    };
    let state = ApiState {
        catalog: Arc::clone(&store) as Arc<dyn Catalog>,
        edges: edge.control(),
        sites: mesh.control(),
        mesh: Some(mesh.for_devices()),
        log: Arc::clone(logging) as _,
        management_keys: Arc::new(keys.management),
        quick_tunnels: settings
            .quick_tunnels_enabled
            .then(|| Arc::new(QuickTunnelService::new(settings.domain.clone()))),
        reserved: ReservedHosts::of_domain(&settings.domain).context("the base domain is too long")?,
        limits,
    };
    servers.spawn(adit_api::serve(
        api,
        adit_api::router(state),
        limits,
        settings.trusted_proxies.clone(),
        stop_servers.clone(),
    ));
    servers.spawn(metrics_listener::serve(
        metrics_listener,
        metrics.clone(),
        stop_servers.clone(),
    ));
    let stopped = stop_servers.clone();
    servers.spawn(async move {
        stopped.run_until_cancelled(recorder::keep_up(metrics)).await;
    });
    let stopped = stop_servers.clone();
    servers.spawn(async move {
        stopped
            .run_until_cancelled(crate::allocator::give_back_now_and_then())
            .await;
    });

    let demo = match listeners.http.filter(|_| plan.demo) {
        Some(http) => {
            progress.waits_for("the demo tunnel");
            let prepared =
                demo::prepare(store.as_ref(), outcome.account, outcome.zone, &settings.domain).await?;
            prepared
                .map(|prepared| Demo::start(prepared, listeners.edge, http, authority.pem()))
                .transpose()?
        }
        None => None,
    };
    let demo_url = demo.as_ref().map(Demo::url);
    let run = run_file(
        settings,
        dir,
        outcome.account,
        listeners,
        demo_url,
        mesh.endpoint(),
    );
    run.write(dir)?;
    Ok(Parts {
        store,
        edge,
        mesh,
        demo,
        servers,
        stop_servers,
        run,
        outcome,
    })
}

/// Where the state is.
pub(super) fn store_url(settings: &Settings, dir: &DataDir) -> StoreUrl {
    let url = settings.store_url.clone();
    url.unwrap_or_else(|| StoreUrl::Sqlite(dir.database()))
}

fn store_options(settings: &Settings) -> StoreOptions {
    let retention = Retention {
        deleted_tunnels: settings.retention_deleted_tunnels,
        audit: settings.retention_audit,
        history: settings.retention_connections,
        configurations: settings.retention_configurations,
    };
    StoreOptions {
        retention,
        quick_tunnels: Lifetimes {
            unused: settings.quick_tunnels_unused_timeout,
            idle: settings.quick_tunnels_idle_timeout,
        },
        ..StoreOptions::default()
    }
}

fn public_limits(settings: &Settings) -> anyhow::Result<PublicLimits> {
    let too_much = "a limit is larger than this machine can count";
    Ok(PublicLimits {
        max_header_bytes: usize::try_from(settings.http_max_header_bytes.0).context(too_much)?,
        max_headers: usize::try_from(settings.http_max_headers).context(too_much)?,
        max_connections: usize::try_from(settings.http_max_connections).context(too_much)?,
        idle_timeout: settings.http_idle_timeout,
        trusted_proxies: settings.trusted_proxies.clone(),
        pass_access_jwt: settings.http_pass_access_jwt,
    })
}

/// Makes account, zone and token at the first start, finds them at later ones, and keeps `cert.pem` in step.
async fn set_up(
    store: &Store,
    settings: &Settings,
    dir: &DataDir,
    bootstrap: Bootstrap,
) -> anyhow::Result<BootstrapOutcome> {
    let path = dir.login_certificate();
    let kept = std::fs::read_to_string(&path)
        .ok()
        .and_then(|text| OriginCertificate::parse(&text).ok());
    let token = bootstrap
        .api_token
        .or_else(|| kept.as_ref().map(|login| login.api_token.clone()));
    let api_token: ApiTokenValue = match token {
        Some(text) => text.parse().context("the bootstrap API token cannot be used")?,
        None => ApiTokenValue::generate(),
    };
    let account = settings
        .account_id
        .or(bootstrap.account_id)
        .unwrap_or_else(AccountId::random);
    let outcome = store
        .bootstrap(adit_store::Bootstrap {
            account,
            account_name: "default".to_owned(),
            domain: settings.domain.clone(),
            api_token: api_token.clone(),
            user: bootstrap.user.map(|(email, key)| UserKey::new(&email, key)),
        })
        .await
        .with_context(|| format!("cannot set up the zone {}", settings.domain))?;
    if let Some(wanted) = settings.account_id.filter(|wanted| *wanted != outcome.account) {
        tracing::warn!(account.id = %outcome.account, %wanted, "the store keeps the account that it was made with");
    }
    let login = OriginCertificate {
        zone: outcome.zone,
        account: outcome.account,
        api_token: api_token.expose().to_owned(),
    };
    if kept.as_ref() != Some(&login) {
        write_private(&path, login.encode().as_bytes())?;
    }
    Ok(outcome)
}
