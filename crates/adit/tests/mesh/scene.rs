//! Two sites with an edge between them, and what passes from one to the other.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    time::Duration,
};

use adit_testing::{
    netns::{Namespace, sites::Sites},
    process::Process,
    wait_within,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ADIT: &str = env!("CARGO_BIN_EXE_adit");
const TOKEN: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";
const ACCOUNT: &str = "699d98642c564d2e855e9661899b7252";
/// How long a change may take to be seen everywhere, on a machine that has other things to do.
const SOON: Duration = Duration::from_secs(20);

/// A mesh whose server runs at the edge's place.
pub(crate) struct Scene {
    pub(crate) sites: Sites,
    server: Process,
    flags: Vec<String>,
    dir: TempDir,
}

/// A site, as the API knows it.
pub(crate) struct Site {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::start_with(&["--mesh-listen", "198.18.0.1:51820"]).await
    }

    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        let sites = Sites::build();
        let dir = TempDir::new().unwrap();
        let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        let server = serve(&sites, &dir, &flags).await;
        Self {
            sites,
            server,
            flags,
            dir,
        }
    }

    pub(crate) async fn kill_server(&mut self) {
        self.server.kill().await;
    }

    pub(crate) async fn start_server(&mut self) {
        self.server = serve(&self.sites, &self.dir, &self.flags).await;
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Calls the API; `path` begins after the account.
    pub(crate) fn api(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("http://127.0.0.1:8787/client/v4/accounts/{ACCOUNT}{path}");
        let authorization = format!("authorization: Bearer {TOKEN}");
        let body = body.to_string();
        let answer = self.sites.edge.run(&[
            "curl",
            "-sS",
            "-m",
            "10",
            "-X",
            method,
            &url,
            "-H",
            &authorization,
            "-H",
            "content-type: application/json",
            "-d",
            &body,
        ]);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["success"], true, "{method} {path}: {answer}");
        answer["result"].clone()
    }

    /// Makes a site with these networks.
    pub(crate) fn site(&self, name: &str, networks: &[&str]) -> Site {
        let tunnel = self.api("POST", "/warp_connector", &json!({"name": name}));
        let id = tunnel["id"].as_str().unwrap().to_owned();
        let token = self.api("GET", &format!("/warp_connector/{id}/token"), &json!({}));
        for network in networks {
            self.route(&id, network);
        }
        Site {
            id,
            token: token.as_str().unwrap().to_owned(),
        }
    }

    pub(crate) fn route(&self, tunnel: &str, network: &str) -> String {
        let route = self.api(
            "POST",
            "/teamnet/routes",
            &json!({"network": network, "tunnel_id": tunnel}),
        );
        route["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts a node on a host and does not wait.
    pub(crate) fn node(&self, host: &Namespace, name: &str, site: &Site, flags: &[&str]) -> Process {
        let mut command = host.command(ADIT);
        command
            .args(["mesh", "up", "--edge", "198.18.0.1:7844", "--cacert"])
            .arg(self.data().join("ca.pem"))
            .arg("--state-dir")
            .arg(self.state(name))
            // A machine that runs tests may be a container, where it is on unless told otherwise.
            .arg("--snat=false")
            .args(flags)
            .env("MESH_NODE_TOKEN", &site.token);
        Process::spawn(name, command)
    }

    /// Runs `adit` on a host with the state directory of a node.
    pub(crate) fn ask(&self, host: &Namespace, name: &str, words: &[&str]) -> Result<String, String> {
        let state = self.state(name);
        let mut all = vec![ADIT, "mesh"];
        all.extend(words);
        all.extend(["--state-dir", path(&state)]);
        host.try_run(&all)
    }

    /// Runs `adit mesh device` beside the server.
    pub(crate) fn device(&self, words: &[&str]) -> Result<String, String> {
        let data = self.data();
        let mut all = vec![ADIT, "mesh", "device", "--data-dir", path(&data)];
        all.extend(words);
        self.sites.edge.try_run(&all)
    }

    pub(crate) fn status(&self, host: &Namespace, name: &str) -> Option<Value> {
        let text = self.ask(host, name, &["status", "--output", "json"]).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Two joined sites.
    pub(crate) async fn join(&self) -> Joined {
        let a = self.site("berlin", &["10.10.0.0/24", "fd00:10:10::/64"]);
        let b = self.site("lisbon", &["10.20.0.0/24", "fd00:10:20::/64"]);
        let node_a = self.node(&self.sites.node_a, "node-a", &a, &[]);
        let node_b = self.node(&self.sites.node_b, "node-b", &b, &[]);
        wait_within(SOON, "pings from site A to site B", async || {
            self.sites.host_a.reaches("10.20.0.10")
        })
        .await;
        Joined { a, b, node_a, node_b }
    }
}

async fn serve(sites: &Sites, dir: &TempDir, flags: &[String]) -> Process {
    let mut command = sites.edge.command(ADIT);
    command
        .args(["up", "--no-demo", "--data-dir"])
        .arg(dir.path().join("data"))
        .args(["--edge-listen", "198.18.0.1:7844"])
        .args(flags)
        .env("ADIT_BOOTSTRAP_API_TOKEN", TOKEN)
        .env("ADIT_ACCOUNT_ID", ACCOUNT);
    let server = Process::spawn("adit up", command);
    server.line("ready").await;
    server
}

/// Two sites and their nodes.
pub(crate) struct Joined {
    pub(crate) a: Site,
    pub(crate) b: Site,
    pub(crate) node_a: Process,
    pub(crate) node_b: Process,
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Something that happens within [`SOON`].
pub(crate) async fn soon(what: &str, condition: impl AsyncFnMut() -> bool) {
    wait_within(SOON, what, condition).await;
}

/// Sends a few hundred kilobytes over TCP, there and back, and says whom the far end saw.
pub(crate) fn tcp(from: &Namespace, to: &Namespace, address: &str) -> IpAddr {
    const BYTES: usize = 300_000;
    let listener = to.inside(|| TcpListener::bind(any(address)).unwrap());
    let at = SocketAddr::new(address.parse().unwrap(), listener.local_addr().unwrap().port());
    std::thread::scope(|scope| {
        let far = scope.spawn(|| {
            let (mut stream, peer) = listener.accept().unwrap();
            let mut all = vec![0; BYTES];
            stream.read_exact(&mut all).unwrap();
            stream.write_all(&all).unwrap();
            peer.ip().to_canonical()
        });
        from.inside(|| {
            let mut stream = TcpStream::connect_timeout(&at, Duration::from_secs(5)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let sent: Vec<u8> = (0..BYTES).map(|at| u8::try_from(at % 251).unwrap()).collect();
            stream.write_all(&sent).unwrap();
            let mut back = vec![0; BYTES];
            stream.read_exact(&mut back).unwrap();
            assert!(back == sent, "what came back differs");
        });
        far.join().unwrap()
    })
}

/// Sends a datagram of that size, there and back, and says whom the far end saw.
pub(crate) fn udp(from: &Namespace, to: &Namespace, address: &str, bytes: usize) -> IpAddr {
    let bind = |namespace: &Namespace| {
        let socket = namespace.inside(|| UdpSocket::bind(any(address)).unwrap());
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    };
    let (near, far) = (bind(from), bind(to));
    let sent: Vec<u8> = (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let mut buffer = vec![0; 65_536];
    let at = SocketAddr::new(address.parse().unwrap(), far.local_addr().unwrap().port());
    near.send_to(&sent, at).unwrap();
    let (len, peer) = far.recv_from(&mut buffer).unwrap();
    far.send_to(&buffer[..len], peer).unwrap();
    let (len, _) = near.recv_from(&mut buffer).unwrap();
    assert!(buffer[..len] == sent, "what came back differs");
    peer.ip().to_canonical()
}

/// Every address of the family, any port.
fn any(address: &str) -> SocketAddr {
    if address.contains(':') {
        "[::]:0".parse().unwrap()
    } else {
        "0.0.0.0:0".parse().unwrap()
    }
}
