//! The API in this process, and `adit server` on the same data.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Instant};

use adit_api::{ApiState, Limits, router, serve};
use adit_core::reserved_hosts::ReservedHosts;
use adit_model::{AccountId, Hostname, ZoneId};
use adit_store::{Bootstrap, Store, StoreKeys, StoreOptions};
use adit_testing::process::Process;
use adit_wire::management_token::{ManagementKey, ManagementKeys};
use anyhow::Context;
use tokio::{net::TcpListener, process::Command, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Line, edge::IdleEdge, http::Client};
use crate::modes::{edge::clean, until::until};

pub(super) const TOKEN: &str = "adit-bench-0123456789-0123456789-0123456789";
const DOMAIN: &str = "bench.example";

/// The API over a store, on loopback.
pub(super) struct Api {
    pub(super) store: Arc<Store>,
    pub(super) account: AccountId,
    pub(super) zone: ZoneId,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Api {
    pub(super) async fn start(file: &Path, keys: [u8; 32]) -> anyhow::Result<Self> {
        let file = file.to_str().context("the directory is no text")?;
        let store = Store::open(file, &StoreKeys::new(keys), StoreOptions::default()).await?;
        let domain: Hostname = DOMAIN.parse()?;
        let account = store.first_account().await?.context("no account was made")?;
        let made = store
            .bootstrap(Bootstrap {
                account,
                account_name: "bench".to_owned(),
                domain: domain.clone(),
                api_token: TOKEN.parse()?,
                user: None,
            })
            .await?;
        let store = Arc::new(store);
        let state = ApiState {
            catalog: Arc::<Store>::clone(&store),
            edges: Arc::new(IdleEdge),
            sites: Arc::new(IdleEdge),
            mesh: None,
            log: Arc::new(IdleEdge),
            management_keys: Arc::new(ManagementKeys::new(ManagementKey::generate(1)?.0, None)),
            quick_tunnels: None,
            reserved: ReservedHosts::of_domain(&domain)?,
            limits: Limits::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, stop, mut tasks) = (listener.local_addr()?, CancellationToken::new(), JoinSet::new());
        tasks.spawn(serve(
            listener,
            router(state),
            Limits::default(),
            Vec::new(),
            stop.clone(),
        ));
        Ok(Self {
            store,
            account,
            zone: made.zone,
            address,
            stop,
            tasks,
        })
    }

    pub(super) async fn client(&self) -> anyhow::Result<Client> {
        Client::connect(self.address, TOKEN).await
    }

    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.store.close().await;
    }
}

fn server(program: &Path, directory: &Path) -> Process {
    let mut command = Command::new(program);
    clean(&mut command)
        .env("ADIT_BOOTSTRAP_API_TOKEN", TOKEN)
        .env("HOME", directory);
    command.args(["server", "--log-level", "info", "--domain", DOMAIN, "--data-dir"]);
    command.arg(directory);
    for listener in ["api", "edge", "http", "https", "metrics", "mesh"] {
        command.args([format!("--{listener}-listen"), "127.0.0.1:0".to_owned()]);
    }
    Process::spawn("adit server", command)
}

async fn api_address(directory: &Path) -> anyhow::Result<SocketAddr> {
    let file = directory.join("run.json");
    until("run.json", async || {
        let run: serde_json::Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        let address = run.pointer("/listeners/api").and_then(serde_json::Value::as_str);
        Ok(address.context("no API")?.parse()?)
    })
    .await
}

/// Has `adit server` make a data directory; gives the key of its secrets.
pub(super) async fn first_start(program: &Path, directory: &Path) -> anyhow::Result<[u8; 32]> {
    let mut process = server(program, directory);
    api_address(directory).await?;
    process.terminate().await;
    let key = std::fs::read(directory.join("keys/secrets.key"))?;
    key.try_into().ok().context("the secrets key has another length")
}

/// Starts `adit server` on the data, asks it a little, and looks at its memory.
pub(super) async fn second_start(program: &Path, directory: &Path) -> anyhow::Result<Vec<Line>> {
    let run = directory.join("run.json");
    if run.exists() {
        std::fs::remove_file(&run)?;
    }
    let start = Instant::now();
    let process = server(program, directory);
    let address = api_address(directory).await?;
    let mut client = Client::connect(address, TOKEN).await?;
    let accounts = client.get("/zones").await?;
    let started = start.elapsed();
    let zones: serde_json::Value = serde_json::from_slice(&accounts)?;
    let account = zones
        .pointer("/result/0/account/id")
        .and_then(serde_json::Value::as_str)
        .context("no zone")?
        .to_owned();
    let idle = resident_mib(&process)?;
    for _ in 0..20 {
        for query in ["per_page=100", "status=down", "include_prefix=tunnel-", "page=50"] {
            client
                .get(&format!("/accounts/{account}/cfd_tunnel?{query}"))
                .await?;
        }
    }
    Ok(vec![
        Line::at_most(
            "start of adit server until its API answers, s",
            started.as_secs_f64(),
            2.0,
        ),
        Line::at_most("RSS of adit server after the start, MiB", idle, 150.0),
        Line::at_most(
            "RSS of adit server after 80 lists of up to 1000, MiB",
            resident_mib(&process)?,
            150.0,
        ),
    ])
}

/// All memory that is resident, file mappings included.
fn resident_mib(process: &Process) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().next())
        .context("no VmRSS")?;
    Ok(kib.parse::<f64>()? / 1024.0)
}
