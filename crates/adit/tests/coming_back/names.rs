//! DNS: down, slow, and of another opinion than before.

use std::time::Duration;

use adit_testing::{
    netns::{self, Namespace, ResolvConf},
    process::Process,
    scripted::Transports,
    skip,
};

use crate::scene::Scene;

const SOON: Duration = Duration::from_secs(20);
const BACK: Duration = Duration::from_secs(3);

/// A server that knows one name.
fn serve(host: &Namespace, edge: &str) -> Process {
    let mut command = host.command("dnsmasq");
    command
        .args([
            "--no-daemon",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
        ])
        .args(["--listen-address=198.18.0.53", "--bind-interfaces", "--user=root"])
        .arg(format!("--address=/edge.test/{edge}"));
    Process::spawn("dnsmasq", command)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_dns_is_down_the_last_answer_is_dialled_and_a_new_one_as_soon_as_there_is_one() {
    let name = "while_dns_is_down_the_last_answer_is_dialled_and_a_new_one_as_soon_as_there_is_one";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    if let Some(reason) = netns::absent_program("dnsmasq") {
        return skip(name, reason);
    }
    let scene = Scene::build();
    let (mut one, two) = (scene.edge(1, Transports::Both), scene.edge(2, Transports::Both));
    let dns = scene.host("dns", 53);
    let _resolv_conf = ResolvConf::of(&scene.laptop, [198, 18, 0, 53]);

    // Nobody answers when it starts.
    let _connector = scene.connector(&[&one, &two], &["--edge", "edge.test:7844"]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut server = serve(&dns, "198.18.0.1");
    server.line("started").await;
    let took = one.is_back(0, SOON).await;
    assert!(took <= BACK, "after the first answer: {took:?}");
    one.has(4, SOON).await;

    // It is gone, and so is the edge for a moment.
    server.kill().await;
    dns.ip("link set wan down");
    one.edge.kill();
    tokio::time::sleep(Duration::from_secs(7)).await;
    let before = one.registrations();
    one.restart();
    let took = one.is_back(before, SOON).await;
    assert!(took <= BACK, "with the last answer: {took:?}");

    // The name leads elsewhere now.
    dns.ip("link set wan up");
    let server = serve(&dns, "198.18.0.2");
    server.line("started").await;
    one.edge.kill();
    two.has(4, SOON).await;
}
