//! TCP through public host names: `adit access` and the stock client's, with either connector behind.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use adit_testing::{
    client::send,
    cloudflared::{self, Access, Cloudflared, ConnectProxy, Protocol, access_ssh, access_tcp},
    long_wanted,
    origin::Origin,
    process::{Process, clean},
    skip, wait_for, within,
};
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use support::{ADIT, Connector, Server, Tunnel};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
};

/// A server with a tunnel to a TCP service, and what a client needs to get there.
struct Scene {
    server: Server,
    tunnel: Tunnel,
    service: TcpListener,
    proxy: ConnectProxy,
}

/// A connector of either kind, kept alive.
enum Behind {
    Ours(Connector),
    Stock(Cloudflared),
}

/// Which connector, over which transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Ours(&'static str),
    Stock(Protocol),
}

impl Scene {
    async fn start() -> Self {
        let server = Server::start().await;
        let tunnel = server.tunnel("shop").await;
        let proxy = ConnectProxy::to(server.listener("https")).await;
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            server,
            tunnel,
            service,
            proxy,
        }
    }

    fn service_url(&self) -> String {
        format!("tcp://{}", self.service.local_addr().unwrap())
    }

    async fn connect(&self, which: Which, stock: Option<&Path>) -> Behind {
        let url = self.service_url();
        match (which, stock) {
            (Which::Stock(protocol), Some(binary)) => {
                let server = &self.server;
                Behind::Stock(server.connect_stock(binary, protocol, &self.tunnel, &url).await)
            }
            (Which::Ours(protocol), _) => self.ours(protocol).await,
            (Which::Stock(_), None) => self.ours("auto").await,
        }
    }

    async fn ours(&self, protocol: &str) -> Behind {
        let connector =
            Connector::start_over(&self.server, &self.tunnel.token, &self.service_url(), protocol).await;
        self.server.connected(&self.tunnel, 4).await;
        Behind::Ours(connector)
    }

    /// `access tcp` of that program, and where it listens. It reaches the edge by `HTTPS_PROXY` and `SSL_CERT_FILE`.
    async fn forwarder(&self, program: &Path) -> (Access, SocketAddr) {
        access_tcp(program, &self.tunnel.host, self.proxy.addr(), &self.server.ca()).await
    }

    fn forwarder_of_ssh(&self, program: &Path) -> (Command, TempDir) {
        access_ssh(program, &self.tunnel.host, self.proxy.addr(), &self.server.ca())
    }

    async fn accept(&self) -> TcpStream {
        within("a connection at the service", self.service.accept())
            .await
            .unwrap()
            .0
    }
}

impl Behind {
    /// Ends it, so that the next one serves alone.
    async fn end(self, scene: &Scene) {
        match self {
            Self::Ours(mut connector) => drop(connector.process.terminate().await),
            Self::Stock(connector) => drop(connector.into_parts().0.kill().await),
        }
        scene.server.connected(&scene.tunnel, 0).await;
    }
}

/// How much passes each way.
fn much() -> usize {
    if long_wanted() { 100 << 20 } else { 4 << 20 }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0])
        .collect()
}

/// All bytes pass, in both directions at once.
async fn passes(
    client: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    service: &mut TcpStream,
    length: usize,
) {
    let (sent, (mut reader, mut writer)) = (bytes(length), client);
    let (mut from_service, mut to_service) = service.split();
    let (mut down, mut up) = (vec![0; length], vec![0; length]);
    let moved = async {
        tokio::try_join!(
            async { writer.write_all(&sent).await.and(writer.flush().await) },
            to_service.write_all(&sent),
            reader.read_exact(&mut down),
            from_service.read_exact(&mut up),
        )
    };
    let limit = std::time::Duration::from_secs(120);
    tokio::time::timeout(limit, moved).await.unwrap().unwrap();
    assert!(down == sent && up == sent, "bytes arrive as they were");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_forwarder_brings_every_byte_through_each_connector() {
    let name = "each_forwarder_brings_every_byte_through_each_connector";
    let stock = cloudflared::binary();
    if stock.is_none() {
        skip(
            &format!("{name} (those with the stock client)"),
            cloudflared::ABSENT,
        );
    }
    let scene = Scene::start().await;
    let forwarders: Vec<PathBuf> = [Some(PathBuf::from(ADIT)), stock.clone()]
        .into_iter()
        .flatten()
        .collect();
    let stock_connectors = [Which::Stock(Protocol::Quic), Which::Stock(Protocol::Http2)];
    let connectors = [Which::Ours("quic"), Which::Ours("http2")].into_iter();
    let connectors = connectors.chain(stock_connectors.into_iter().filter(|_| stock.is_some()));
    for which in connectors {
        let behind = scene.connect(which, stock.as_deref()).await;
        for program in &forwarders {
            // Seen to lose bytes by themselves, as what they read is longer than what they pass on.
            let both_stock = matches!(which, Which::Stock(_)) && program != Path::new(ADIT);
            if both_stock {
                continue;
            }
            let (_forwarder, listen) = scene.forwarder(program).await;
            let client = TcpStream::connect(listen).await.unwrap();
            let mut service = scene.accept().await;
            passes(client.into_split(), &mut service, much()).await;
            // A connection that ends at the service ends for the client.
            drop(service);
            let mut client = TcpStream::connect(listen).await.unwrap();
            drop(scene.accept().await);
            assert_eq!(within("the end", client.read(&mut [0; 9])).await.unwrap_or(0), 0);
        }
        behind.end(&scene).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_said_all_hears_the_answer() {
    let scene = Scene::start().await;
    for protocol in ["quic", "http2"] {
        let behind = scene.ours(protocol).await;
        let (_forwarder, listen) = scene.forwarder(Path::new(ADIT)).await;
        // The client ends its side first.
        let mut client = TcpStream::connect(listen).await.unwrap();
        client.write_all(b"how much?").await.unwrap();
        client.shutdown().await.unwrap();
        let mut service = scene.accept().await;
        let mut asked = Vec::new();
        within("the end of the question", service.read_to_end(&mut asked))
            .await
            .unwrap();
        assert_eq!(asked, b"how much?");
        service.write_all(b"seven").await.unwrap();
        drop(service);
        let mut answer = Vec::new();
        within("the answer", client.read_to_end(&mut answer))
            .await
            .unwrap();
        assert_eq!(answer, b"seven");
        // The service ends its side first.
        let mut client = TcpStream::connect(listen).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let mut service = scene.accept().await;
        service.write_all(b"I only listen").await.unwrap();
        service.shutdown().await.unwrap();
        let mut heard = Vec::new();
        within("what the service said", client.read_to_end(&mut heard))
            .await
            .unwrap();
        assert_eq!(heard, b"I only listen");
        client.write_all(b", friend").await.unwrap();
        drop(client);
        let mut told = Vec::new();
        within("what the client said", service.read_to_end(&mut told))
            .await
            .unwrap();
        assert_eq!(told, b"hello, friend");
        behind.end(&scene).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stdin_and_stdout_are_a_connection() {
    let scene = Scene::start().await;
    let _behind = scene.ours("auto").await;
    let (mut command, _home) = scene.forwarder_of_ssh(Path::new(ADIT));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut forwarder = command.spawn().unwrap();
    let stdin = forwarder.stdin.take().unwrap();
    let mut stdout = forwarder.stdout.take().unwrap();
    let mut service = scene.accept().await;
    passes((&mut stdout, stdin), &mut service, 1 << 20).await;
    service.write_all(b"bye").await.unwrap();
    drop(service);
    let mut last = Vec::new();
    within("the end", stdout.read_to_end(&mut last)).await.unwrap();
    assert_eq!(last, b"bye");
    let output = within("the end of the process", forwarder.wait_with_output())
        .await
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_is_told_and_the_listener_stays() {
    let scene = Scene::start().await;
    let (forwarder, listen) = scene.forwarder(Path::new(ADIT)).await;
    for _ in 0..2 {
        let mut client = TcpStream::connect(listen).await.unwrap();
        assert_eq!(within("the end", client.read(&mut [0; 9])).await.unwrap_or(0), 0);
    }
    let line = forwarder.process.line("failed to connect to origin").await;
    assert!(
        line.contains("bad handshake") && line.contains("status 5"),
        "{line}"
    );
    // On stdin and stdout nothing is said but why.
    let (mut command, _home) = scene.forwarder_of_ssh(Path::new(ADIT));
    let output = within("its end", command.stdin(Stdio::null()).output())
        .await
        .unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("bad handshake")
    );
    // A certificate that nobody vouches for.
    let mut command = clean(ADIT);
    let place = format!("localhost:{}", scene.server.listener("https").port());
    command
        .args(["access", "tcp", "--hostname", &place])
        .stdin(Stdio::null());
    let output = within("its end", command.output()).await.unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && words.contains("TLS with"),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_names_the_ca_of_a_private_edge_and_names_below_localhost_are_here() {
    let scene = Scene::start().await;
    let _behind = scene.ours("auto").await;
    let place = format!("{}:{}", scene.tunnel.host, scene.server.listener("https").port());
    let mut command = clean(ADIT);
    command
        .args(["access", "rdp", "-T", &place, "-L", "127.0.0.1:0", "--cacert"])
        .arg(scene.server.ca());
    let forwarder = Process::spawn("adit access", command);
    let line = forwarder.line("Start Websocket listener").await;
    let listen: SocketAddr = line.split("host=").nth(1).unwrap().trim().parse().unwrap();
    let client = TcpStream::connect(listen).await.unwrap();
    passes(client.into_split(), &mut scene.accept().await, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bastion_connects_where_the_client_says() {
    let scene = Scene::start().await;
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config.yml");
    std::fs::write(&file, "ingress:\n  - service: bastion\n").unwrap();
    let mut command = clean(ADIT);
    command
        .args(["tunnel", "--metrics", "127.0.0.1:0", "--config"])
        .arg(&file)
        .arg("run");
    command
        .env("TUNNEL_EDGE", scene.server.listener("edge").to_string())
        .env("TUNNEL_CACERT", scene.server.ca())
        .env("TUNNEL_TOKEN", &scene.tunnel.token);
    let _connector = Process::spawn("adit tunnel run", command);
    scene.server.connected(&scene.tunnel, 4).await;
    let (mut command, _home) = scene.forwarder_of_ssh(Path::new(ADIT));
    let destination = scene.service.local_addr().unwrap().to_string();
    command.args(["--destination", &destination, "--debug-stream", "2"]);
    let mut forwarder = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = (forwarder.stdout.take().unwrap(), forwarder.stdin.take().unwrap());
    passes(client, &mut scene.accept().await, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_client_gets_through_by_its_proxy_command() {
    let name = "an_ssh_client_gets_through_by_its_proxy_command";
    let (ssh, sshd, keygen) = (
        Path::new("/usr/bin/ssh"),
        Path::new("/usr/sbin/sshd"),
        Path::new("/usr/bin/ssh-keygen"),
    );
    if ![ssh, sshd, keygen].iter().all(|program| program.exists()) {
        return skip(name, "OpenSSH is not here");
    }
    let scene = Scene::start().await;
    let _behind = scene.ours("auto").await;
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    for key in ["host", "user"] {
        let made = Command::new(keygen)
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(at(key))
            .status()
            .await;
        assert!(made.unwrap().success());
    }
    std::fs::copy(at("user.pub"), at("authorized")).unwrap();
    let config = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n",
        at("host").display(),
        at("authorized").display()
    );
    std::fs::write(at("sshd_config"), config).unwrap();
    let (forwarder, _home) = scene.forwarder_of_ssh(Path::new(ADIT));
    let forwarder = forwarder.as_std();
    let words: Vec<_> = std::iter::once(forwarder.get_program())
        .chain(forwarder.get_args())
        .collect();
    let proxy_command: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
    let mut client = Command::new(ssh);
    client
        .args([
            "-F",
            "none",
            "-T",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
        ])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
        .args(["-o", &format!("ProxyCommand={}", proxy_command.join(" ")), "-i"])
        .arg(at("user"))
        .args(["root@shop", "cat; echo over >&2"])
        .envs(
            forwarder
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut client = client.spawn().unwrap();
    // As inetd would: one connection, which is stdin and stdout.
    let connection = scene.accept().await.into_std().unwrap();
    connection.set_nonblocking(false).unwrap();
    let mut server = Command::new(sshd)
        .args(["-i", "-e", "-f"])
        .arg(at("sshd_config"))
        .stdin(std::os::fd::OwnedFd::from(connection.try_clone().unwrap()))
        .stdout(std::os::fd::OwnedFd::from(connection))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let sent = bytes(1 << 20);
    let mut stdin = client.stdin.take().unwrap();
    let sending = async {
        // An SSH that ends early is seen by what it says.
        let _ = stdin.write_all(&sent).await;
        drop(stdin);
    };
    let ((), output) = within("the session", async {
        tokio::join!(sending, client.wait_with_output())
    })
    .await;
    let output = output.unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() && !words.contains("over") {
        let mut said = String::new();
        let _ = within(
            "sshd's end",
            server.stderr.take().unwrap().read_to_string(&mut said),
        )
        .await;
        assert!(said.contains("rivilege separation"), "{words} {said}");
        return skip(
            name,
            "sshd cannot run here: its directory for privilege separation is missing",
        );
    }
    assert!(output.stdout == sent && words.contains("over"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_forwarder_that_is_told_to_ends() {
    let scene = Scene::start().await;
    let (mut forwarder, listen) = scene.forwarder(Path::new(ADIT)).await;
    let status = forwarder.process.terminate().await;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
    wait_for("nobody listens", async || {
        TcpStream::connect(listen).await.is_err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_login_proxy_reaches_the_origin_if_the_proxy_is_trusted() {
    let trusted = ["--trusted-proxies", "127.0.0.1/32"];
    let strangers = ["--trusted-proxies", "192.0.2.1/32", "--http-pass-access-jwt"];
    let wanted = ["--trusted-proxies", "127.0.0.1/32", "--http-pass-access-jwt"];
    for (flags, passes) in [(&trusted[..], false), (&strangers, false), (&wanted, true)] {
        let server = Server::start_with(&[&["--no-demo"], flags].concat()).await;
        let tunnel = server.tunnel("shop").await;
        let origin = Origin::start().await;
        let _connector = server.connect(&tunnel, &origin.url()).await;
        let request = Request::get("/")
            .header("host", &tunnel.host)
            .header("Cf-Access-Jwt-Assertion", "a.b.c");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let (_, mut answer) = send(server.listener("http"), request).await.unwrap();
        let seen = String::from_utf8(answer.read().await.unwrap().to_vec()).unwrap();
        assert_eq!(seen.contains("a.b.c"), passes, "{flags:?}: {seen}");
    }
}
