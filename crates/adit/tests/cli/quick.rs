//! `tunnel` without a command: quick tunnels, and tunnels that are made, routed and run in one go.

use adit_testing::{client, origin::Origin, process::Process, wait_for};

use crate::support::{Adit, binary, run};

async fn serve(adit: &Adit, args: &[&str]) -> Process {
    let mut command = binary(adit.home.path());
    command
        .envs(adit.variables().await)
        .args(["tunnel", "--metrics", "localhost:0", "--grace-period", "1s"])
        .args(args);
    Process::spawn("adit tunnel", command)
}

async fn answers(adit: &Adit, host: &str) {
    let http = adit.listener("http");
    wait_for("an answer of the origin", async || {
        let answer = client::get(http, host, "/").await;
        answer.is_ok_and(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn a_quick_tunnel_is_given_out_and_served_over_one_connection() {
    let adit = Adit::start(&["--no-demo"]).await;
    let origin = Origin::start().await;
    let mut process = serve(&adit, &["--url", &origin.url()]).await;
    let line = process.line("|  https://").await;
    let host = line.split("https://").nth(1).unwrap();
    let host = host.split_whitespace().next().unwrap().to_owned();
    process.line("Registered tunnel connection").await;
    answers(&adit, &host).await;
    assert!(process.terminate().await.success());
    let lines = process.lines();
    let registered = lines
        .iter()
        .filter(|line| line.contains("Registered tunnel connection"));
    assert_eq!(registered.count(), 1, "{lines:?}");
}

#[tokio::test]
async fn a_name_alone_makes_routes_and_runs_a_tunnel() {
    let adit = Adit::start(&["--no-demo"]).await;
    let origin = Origin::start().await;
    let url = origin.url();
    let args = [
        "--name",
        "shop",
        "--hostname",
        "shop.adit.localhost",
        "--url",
        &url,
    ];
    // The second time the tunnel is there.
    for _ in 0..2 {
        let mut process = serve(&adit, &args).await;
        process.line("Registered tunnel connection").await;
        answers(&adit, "shop.adit.localhost").await;
        assert!(process.terminate().await.success());
    }
    let listed = adit.command(&["tunnel", "list"]).await.stdout;
    assert_eq!(listed.matches(" shop ").count(), 1, "{listed}");
}

#[tokio::test]
async fn as_adit_nobody_gives_out_quick_tunnels_by_default() {
    let outcome = run(&[], &["tunnel", "--url", "http://localhost:1"]).await;
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("--quick-service"), "{outcome:?}");
}
