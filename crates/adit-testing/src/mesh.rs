//! A whole mesh: the program as server and as nodes, two replicas at each of two sites, hosts behind them, and failures.
//!
//! [`Mesh::start`] brings it up, [`Mesh::suffer`] lets one thing fail and tells what hosts noticed of it, and
//! [`Mesh::heal`] mends it. It knows the program by its command line and its API alone.

mod actives;
mod api;
mod fault;
mod meters;
mod outcome;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

pub use api::Api;
pub use fault::Fault;
pub use meters::Meters;
pub use outcome::Outcome;

use crate::{
    netns::pairs::{HOST, Pairs, Side, VIRTUAL},
    process::Process,
    wait_for, wait_within,
};

/// How long the mesh may take to be whole, on a machine that has other things to do.
const WHOLE: Duration = Duration::from_secs(30);

/// What may differ between meshes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Variant {
    /// Hosts reach each other by IPv6.
    pub ipv6: bool,
    /// Sites have the profile `fast`.
    pub fast: bool,
}

/// Server, sites and nodes. Dropping it ends them.
#[derive(Debug)]
pub struct Mesh {
    /// Where they are.
    pub pairs: Pairs,
    pub(super) variant: Variant,
    /// The server's API.
    pub api: Api,
    program: PathBuf,
    dir: TempDir,
    server: Process,
    sites: [Site; 2],
}

#[derive(Debug)]
struct Site {
    id: String,
    token: String,
    /// What each replica is started with besides what it must be.
    flags: Vec<String>,
    replicas: [Replica; 2],
}

#[derive(Debug, Default)]
struct Replica {
    process: Option<Process>,
    /// Its id, once it runs.
    connector: String,
}

/// A replica as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its id.
    pub connector: String,
    /// `active`, `passive` or `offline`.
    pub status: String,
}

impl Variant {
    /// The address of a site's host.
    fn host(self, side: Side) -> String {
        if self.ipv6 { side.v6(HOST) } else { side.v4(HOST) }
    }
}

impl Mesh {
    /// Brings it up and returns once hosts of both sites reach each other and each site has a standby.
    ///
    /// # Panics
    /// When that takes more than half a minute, or there can be no namespaces: see [`crate::netns::absent`].
    pub async fn start(program: &Path) -> Self {
        Self::start_as(program, Variant::default()).await
    }

    /// The same, of another kind.
    ///
    /// # Panics
    /// As [`Mesh::start`].
    pub async fn start_as(program: &Path, variant: Variant) -> Self {
        let pairs = Pairs::build();
        let api = Api::new(&pairs.edge);
        let dir = TempDir::new().expect("a directory");
        let server = start_server(&pairs, program, dir.path()).await;
        let sites = [
            make_site(&api, Side::A, variant).await,
            make_site(&api, Side::B, variant).await,
        ];
        let mut mesh = Self {
            pairs,
            variant,
            api,
            program: program.to_owned(),
            dir,
            server,
            sites,
        };
        for side in Side::BOTH {
            for index in 0..2 {
                mesh.start_node(side, index).await;
            }
        }
        mesh.whole().await;
        mesh
    }

    /// A site's tunnel.
    #[must_use]
    pub fn tunnel(&self, side: Side) -> &str {
        &self.site(side).id
    }

    /// The id of a site's replica.
    #[must_use]
    pub fn connector(&self, side: Side, index: usize) -> &str {
        &self.site(side).replicas[index].connector
    }

    /// The process of a site's replica.
    ///
    /// # Panics
    /// When it was ended.
    pub fn node(&mut self, side: Side, index: usize) -> &mut Process {
        let replica = &mut self.site_mut(side).replicas[index];
        replica.process.as_mut().expect("the replica runs")
    }

    /// A site's replicas as the API shows them.
    pub async fn shown(&self, side: Side) -> Vec<Shown> {
        self.api.replicas(self.tunnel(side)).await.unwrap_or_default()
    }

    /// Which of a site's replicas the API shows as active; `None` if none is, or more than one.
    pub async fn active(&self, side: Side) -> Option<usize> {
        let shown = self.shown(side).await;
        let mut active = shown.iter().filter(|replica| replica.status == "active");
        let (one, None) = (active.next()?, active.next()) else {
            return None;
        };
        let is_it = |replica: &Replica| replica.connector == one.connector;
        self.site(side).replicas.iter().position(is_it)
    }

    /// Waits until each site has an active replica and a standby that could take over, and hosts reach each other both ways.
    ///
    /// # Panics
    /// After half a minute.
    pub async fn whole(&self) {
        for side in Side::BOTH {
            let what = format!("a standby and an active replica of site {side:?}");
            wait_within(WHOLE, &what, async || {
                let shown = self.shown(side).await;
                let count = |status| shown.iter().filter(|replica| replica.status == status).count();
                count("active") == 1 && count("passive") == 1 && (0..2).all(|index| self.is_well(side, index))
            })
            .await;
        }
        for (from, to) in [(Side::A, Side::B), (Side::B, Side::A)] {
            wait_within(WHOLE, &format!("pings from site {from:?}"), async || {
                self.pairs.host(from).reaches(&self.variant.host(to))
            })
            .await;
        }
    }

    /// Starts a replica and returns once it can be asked who it is.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start_node(&mut self, side: Side, index: usize) {
        let name = node_name(side, index);
        let site = self.site(side);
        let mut command = self.pairs.replicas(side)[index].command(&self.program);
        command
            .args(["mesh", "up", "--edge", "198.18.0.1:7844", "--cacert"])
            .arg(self.dir.path().join("data/ca.pem"))
            .arg("--state-dir")
            .arg(self.dir.path().join(&name))
            // A machine that runs tests may be a container, where it is on unless told otherwise.
            .arg("--snat=false")
            .args(&site.flags)
            .env("MESH_NODE_TOKEN", &site.token);
        let process = Process::spawn(&name, command);
        self.site_mut(side).replicas[index].process = Some(process);
        let mut status = Value::Null;
        wait_for(&format!("the status of {name}"), async || {
            status = self.status(side, index).unwrap_or_default();
            status["connector_id"].is_string()
        })
        .await;
        let connector = status["connector_id"].as_str().unwrap_or_default();
        connector.clone_into(&mut self.site_mut(side).replicas[index].connector);
    }

    /// Ends a replica at once.
    ///
    /// # Panics
    /// When the system does not end it.
    pub async fn kill_node(&mut self, side: Side, index: usize) {
        if let Some(mut process) = self.site_mut(side).replicas[index].process.take() {
            process.kill().await;
        }
    }

    /// Ends the server at once and starts it again; returns once it is ready.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn restart_server(&mut self) {
        self.server.kill().await;
        self.server = start_server(&self.pairs, &self.program, self.dir.path()).await;
    }

    /// What the server wrote last, without the lines of its access log.
    #[must_use]
    pub fn server_lines(&self) -> Vec<String> {
        let lines = self.server.lines();
        lines
            .into_iter()
            .filter(|line| !line.contains("::access: "))
            .collect()
    }

    /// What a replica tells of itself.
    #[must_use]
    pub fn status(&self, side: Side, index: usize) -> Option<Value> {
        let text = self.ask(side, index, &["status", "--output", "json"]).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Whether a replica has a session, and sees nothing wrong with its LAN.
    fn is_well(&self, side: Side, index: usize) -> bool {
        let status = self.status(side, index).unwrap_or_default();
        status["session"]["connected"] == true && status["ha"]["lan"]["well"] == true
    }

    /// Runs `adit mesh …` at a replica.
    ///
    /// # Errors
    /// What it wrote, when it fails.
    pub fn ask(&self, side: Side, index: usize, words: &[&str]) -> Result<String, String> {
        let state = self.dir.path().join(node_name(side, index));
        let program = self.program.to_string_lossy();
        let mut all = vec![&*program, "mesh"];
        all.extend(words);
        let state = state.to_string_lossy();
        all.extend(["--state-dir", &state]);
        self.pairs.replicas(side)[index].try_run(&all)
    }

    const fn site(&self, side: Side) -> &Site {
        let [a, b] = &self.sites;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }

    const fn site_mut(&mut self, side: Side) -> &mut Site {
        let [a, b] = &mut self.sites;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }
}

fn node_name(side: Side, index: usize) -> String {
    format!("{side:?}{}", index + 1).to_lowercase()
}

async fn start_server(pairs: &Pairs, program: &Path, dir: &Path) -> Process {
    let mut command = pairs.edge.command(program);
    command
        .args(["up", "--no-demo", "--data-dir"])
        .arg(dir.join("data"))
        .args(["--edge-listen", "198.18.0.1:7844"])
        .args(["--mesh-listen", "198.18.0.1:51820"]);
    Api::settings(&mut command);
    let server = Process::spawn("adit up", command);
    server.line("ready").await;
    server
}

/// A site whose active replica has the virtual addresses.
async fn make_site(api: &Api, side: Side, variant: Variant) -> Site {
    let name = format!("site-{side:?}").to_lowercase();
    let tunnel = api
        .done("POST", "/warp_connector", &json!({"name": name, "ha": true}))
        .await;
    let id = tunnel["id"].as_str().expect("a tunnel has an id").to_owned();
    let path = format!("/warp_connector/{id}");
    let vips = [side.v4(VIRTUAL), side.v6(VIRTUAL)].map(|address| json!({"address": address}));
    let configuration = json!({"ha_mode": "local", "config": {"vips": vips}});
    api.done("PUT", &format!("{path}/configurations"), &configuration)
        .await;
    if variant.fast {
        let settings = json!({"profile": "fast"});
        let path = format!("/adit{path}/ha_settings");
        api.done("PUT", &path, &settings).await;
    }
    for network in side.networks() {
        let route = json!({"network": network, "tunnel_id": id});
        api.done("POST", "/teamnet/routes", &route).await;
    }
    let token = api.done("GET", &format!("{path}/token"), &Value::Null).await;
    let flags = ["--lan-interface", "lan", "--lan-target", &side.v4(HOST)];
    Site {
        id,
        token: token.as_str().expect("a token is text").to_owned(),
        flags: flags.map(str::to_owned).into(),
        replicas: Default::default(),
    }
}
