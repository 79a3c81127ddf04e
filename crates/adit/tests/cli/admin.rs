//! Accounts, zones and API tokens on the command line, and a domain of one's own from nothing to a served host name.

use adit_testing::{client, origin::Origin, wait_for};
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use serde_json::Value;

use crate::{
    connector::Connector,
    support::{Adit, run_in},
};

const README: &str = include_str!("../../../../README.md");

/// The words of a command, which the README shows.
fn shown(line: &str) -> Vec<&str> {
    assert!(README.contains(line), "the README does not show: {line}");
    line.split_once("adit ")
        .unwrap()
        .1
        .trim_end_matches(')')
        .split(' ')
        .collect()
}

async fn done(adit: &Adit, args: &[&str]) -> String {
    let outcome = adit.command(args).await;
    assert_eq!(outcome.code, Some(0), "{args:?}: {outcome:?}");
    outcome.stdout.trim_end().to_owned()
}

async fn status(adit: &Adit, host: &str) -> Option<u16> {
    let answer = client::get(adit.listener("http"), host, "/").await;
    answer.ok().map(|answer| answer.status.as_u16())
}

#[tokio::test]
async fn a_domain_of_ones_own_is_served_after_the_commands_of_the_readme() {
    let adit = Adit::start(&["--no-demo"]).await;
    let origin = Origin::start().await;
    done(&adit, &shown("adit zone add example.org")).await;
    done(&adit, &shown("adit tunnel create shop")).await;
    done(&adit, &shown("adit tunnel route dns shop shop.example.org")).await;
    let token = done(&adit, &shown("TOKEN=$(adit tunnel token shop)")).await;
    let variables = [("TUNNEL_TOKEN", token.as_str())];
    let connector = Connector::run(&adit, &variables, &["run", "--url", &origin.url()]).await;
    connector.ready(1).await;
    assert_eq!(status(&adit, "shop.example.org").await, Some(200));

    done(&adit, &["zone", "pause", "example.org"]).await;
    wait_for("the paused zone to be unserved", async || {
        status(&adit, "shop.example.org").await != Some(200)
    })
    .await;
    done(&adit, &["zone", "resume", "example.org"]).await;
    wait_for("the zone to be served again", async || {
        status(&adit, "shop.example.org").await == Some(200)
    })
    .await;
    done(&adit, &["zone", "delete", "example.org"]).await;
    wait_for("the deleted zone to be unserved", async || {
        status(&adit, "shop.example.org").await != Some(200)
    })
    .await;
}

/// The answer to a list of an account's tunnels with a token, as a script would ask for it.
async fn tunnels(adit: &Adit, token: &str, account: &str) -> Value {
    let request = Request::get(format!("/client/v4/accounts/{account}/cfd_tunnel"))
        .header("host", "localhost")
        .header("authorization", format!("Bearer {token}"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let (_, mut answer) = client::send(adit.listener("api"), request).await.unwrap();
    serde_json::from_slice(&answer.read().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_is_made_used_and_deleted() {
    let adit = Adit::start(&["--no-demo"]).await;
    let account = done(&adit, &["account", "add", "Guests"]).await;
    let create = [
        "token",
        "create",
        "--account",
        "Guests",
        "--name",
        "ci",
        "--permission",
        "Cloudflare Tunnel Write",
        "--expires",
        "90d",
    ];
    let value = done(&adit, &create).await;
    assert_eq!(value.len(), 40, "the value alone");
    assert_eq!(tunnels(&adit, &value, &account).await["success"], true);

    let listed = done(&adit, &["token", "list", "--account", "Guests"]).await;
    let (id, rest) = listed.split_once(' ').unwrap();
    assert!(rest.starts_with("active 2") && rest.ends_with(" ci"), "{listed}");
    let rolled = done(&adit, &["token", "roll", "--account", "Guests", id]).await;
    assert_eq!(tunnels(&adit, &value, &account).await["errors"][0]["code"], 9109);
    assert_eq!(tunnels(&adit, &rolled, &account).await["success"], true);
    done(&adit, &["token", "delete", "--account", "Guests", id]).await;
    assert_eq!(tunnels(&adit, &rolled, &account).await["errors"][0]["code"], 9109);

    let domain = ["zone", "add", "guests.example", "--account", "Guests"];
    done(&adit, &domain).await;
    let in_use = adit.command(&["account", "delete", "Guests"]).await;
    assert_eq!(in_use.code, Some(1));
    assert!(in_use.stderr.contains("zones"), "{in_use:?}");
    done(&adit, &["zone", "delete", "guests.example"]).await;
    done(&adit, &["account", "delete", "Guests"]).await;
    assert!(!done(&adit, &["account", "list"]).await.contains("Guests"));
}

#[tokio::test]
async fn a_command_says_what_it_does_not_understand() {
    let adit = Adit::start(&["--no-demo"]).await;
    for (args, code, says) in [
        (
            &["token", "create", "--name", "x", "--permission", "Everything"][..],
            2,
            "token permissions",
        ),
        (
            &[
                "token",
                "create",
                "--name",
                "x",
                "--permission",
                "Cloudflare Tunnel Read",
                "--zone",
                "adit.localhost",
            ],
            2,
            "DNS Write",
        ),
        (&["zone", "add", "no name"], 1, "name"),
        (&["zone", "add", "adit.localhost"], 1, "exists already"),
        (&["zone", "pause", "example.net"], 1, "adit zone add example.net"),
        (&["token", "list", "--account", "nobody"], 1, "adit account list"),
    ] {
        let outcome = adit.command(args).await;
        assert_eq!(outcome.code, Some(code), "{args:?}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{args:?}: {outcome:?}");
    }
    let nowhere = run_in(std::path::Path::new("/"), &[], &["zone", "list"]).await;
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
}
