//! A laptop with a connector, and edges on the network that it is connected to.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_model::{AccountId, TunnelId, TunnelKey, TunnelSecret};
use adit_testing::{
    netns::{Namespace, Switch},
    process::Process,
    scripted::{Script, ScriptedEdge, Transports},
    wait_within,
};
use adit_wire::TunnelToken;
use tempfile::TempDir;

const ADIT: &str = env!("CARGO_BIN_EXE_adit");

/// Where the laptop is.
pub(crate) const HERE: &str = "198.18.0.11/24";

/// The network.
pub(crate) struct Scene {
    pub(crate) laptop: Namespace,
    switch: Switch,
    files: TempDir,
}

impl Scene {
    pub(crate) fn build() -> Self {
        let switch = Switch::new(&["wan"]);
        let laptop = Namespace::new("laptop");
        switch.connect(&laptop, "wan", "wan", &[HERE]);
        Self {
            laptop,
            switch,
            files: TempDir::new().unwrap(),
        }
    }

    /// Another host at 198.18.0.`last`.
    pub(crate) fn host(&self, label: &str, last: u8) -> Namespace {
        let host = Namespace::new(label);
        self.switch
            .connect(&host, "wan", "wan", &[&format!("198.18.0.{last}/24")]);
        host
    }

    /// An edge at 198.18.0.`last`, port 7844.
    pub(crate) fn edge(&self, last: u8, transports: Transports) -> Edge {
        let host = self.host("edge", last);
        let edge = listen(&host, last, transports);
        Edge { host, edge }
    }

    /// A connector on the laptop, with what follows `tunnel` and what follows `run` of its command line. It trusts these
    /// edges.
    pub(crate) fn connector(&self, trusted: &[&Edge], words: &[&str]) -> Process {
        let ca = self.files.path().join("ca.pem");
        let pem: String = trusted.iter().map(|edge| edge.edge.ca_pem()).collect();
        std::fs::write(&ca, pem).unwrap();
        let token = TunnelToken {
            tunnel: TunnelKey {
                account: AccountId::random(),
                tunnel: TunnelId::random(),
            },
            secret: TunnelSecret::new(vec![7; 32]).unwrap(),
        };
        let mut command = self.laptop.command(ADIT);
        command
            .args(["tunnel", "--metrics", "127.0.0.1:0", "--cacert"])
            .arg(&ca)
            .args(words)
            .args(["--hello-world", "run"])
            .env("TUNNEL_TOKEN", token.encode());
        Process::spawn("the connector", command)
    }
}

/// An edge with a host of its own.
pub(crate) struct Edge {
    pub(crate) host: Namespace,
    pub(crate) edge: ScriptedEdge,
}

/// An edge on a host that is there already.
pub(crate) fn listen(host: &Namespace, last: u8, transports: Transports) -> ScriptedEdge {
    let everything: Script = Arc::new(|_| Ok(ScriptedEdge::details()));
    let addr = SocketAddr::from(([198, 18, 0, last], 7844));
    host.inside(|| ScriptedEdge::listening(addr, transports, everything))
}

impl Edge {
    /// Waits until so many connections are registered.
    pub(crate) async fn has(&self, connections: usize, limit: Duration) {
        let what = format!("{connections} connections");
        wait_within(limit, &what, async || self.edge.live().len() >= connections).await;
    }

    /// Waits for a registration that was not there before, and for an answer over it; tells how long it took.
    pub(crate) async fn is_back(&self, registrations_before: usize, limit: Duration) -> Duration {
        let began = Instant::now();
        wait_within(limit, "a registration", async || {
            self.edge.registrations().len() > registrations_before && !self.edge.live().is_empty()
        })
        .await;
        let newest = self.edge.live().pop().unwrap();
        assert_eq!(newest.get("shop.example", "/").await.status, 200);
        began.elapsed()
    }

    pub(crate) fn registrations(&self) -> usize {
        self.edge.registrations().len()
    }

    pub(crate) fn restart(&mut self) {
        let Self { host, edge } = self;
        host.inside(|| edge.restart());
    }
}
