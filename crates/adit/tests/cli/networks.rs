//! Private networks on the command line: what is asked of the API and printed, beside the stock client.

use adit_testing::{cloudflared, skip};
use serde_json::{Value, json};

use crate::{
    recording_api::{BLOG, RecordingApi, TIME, list, ok, refused},
    support::Adit,
};

const VNET: &str = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";
const ROUTE: &str = "a1ad38fe-a3ee-41a1-9cc9-a0839c6e9d4c";
const TUNNEL_ID: &str = BLOG;

fn vnet() -> Value {
    json!({
        "id": VNET, "name": "prod", "comment": "", "is_default_network": false, "created_at": TIME, "deleted_at": null,
    })
}

fn route() -> Value {
    json!({
        "id": ROUTE, "network": "10.0.0.0/8", "tunnel_id": TUNNEL_ID, "virtual_network_id": VNET, "comment": "net",
        "created_at": TIME, "deleted_at": null, "tunnel_name": "blog", "virtual_network_name": "prod",
        "tun_type": "cfd_tunnel",
    })
}

fn hostname_route() -> Value {
    json!({
        "id": ROUTE, "hostname": "db.internal", "tunnel_id": TUNNEL_ID, "tunnel_name": "blog", "comment": "",
        "tun_type": "cfd_tunnel", "created_at": TIME, "deleted_at": null,
    })
}

fn answers(method: &str, target: &str) -> (u16, Value) {
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    match (method, path) {
        ("GET", "/teamnet/virtual_networks") => ok(json!([vnet()])),
        ("GET", "/teamnet/routes") => list(vec![route()]),
        ("GET", "/teamnet/routes/ip/10.1.1.1") => ok(route()),
        ("GET", path) if path.starts_with("/teamnet/routes/ip/") => ok(json!({
            "id": "00000000-0000-0000-0000-000000000000", "tunnel_id": "00000000-0000-0000-0000-000000000000",
            "network": "0.0.0.0/0", "created_at": "0001-01-01T00:00:00Z", "deleted_at": null, "comment": "",
        })),
        ("GET", "/zerotrust/routes/hostname") => list(vec![hostname_route()]),
        (_, path) if path.starts_with("/teamnet/virtual_networks") => ok(vnet()),
        (_, path) if path.starts_with("/teamnet/routes") => ok(route()),
        (_, path) if path.starts_with("/zerotrust/routes/hostname") => ok(hostname_route()),
        _ => refused(404, 7003, "no route"),
    }
}

/// Runs a command against the API: its stdout, and what was asked.
async fn run(api: &RecordingApi, line: &str) -> (String, Vec<String>) {
    let words: Vec<&str> = line.split(' ').collect();
    let outcome = api.run(&words).await;
    assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
    (outcome.stdout, api.asked().await)
}

#[tokio::test]
async fn commands_ask_for_what_they_say() {
    let api = RecordingApi::start(answers).await;
    for (line, asked) in [
        (
            "tunnel vnet add -d prod note",
            vec![r#"POST /teamnet/virtual_networks {"name":"prod","comment":"note","is_default_network":true}"#.to_owned()],
        ),
        (
            "tunnel vnet list --name prod --is-default=false",
            vec!["GET /teamnet/virtual_networks?is_default=false&is_deleted=false&name=prod".to_owned()],
        ),
        (
            "tunnel vnet update -n next -d prod",
            vec![
                "GET /teamnet/virtual_networks?is_deleted=false&name=prod".to_owned(),
                format!(r#"PATCH /teamnet/virtual_networks/{VNET} {{"name":"next","is_default_network":true}}"#),
            ],
        ),
        (
            "tunnel vnet delete -f f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
            vec![format!("DELETE /teamnet/virtual_networks/{VNET}?force=true")],
        ),
        (
            "tunnel route ip add --vnet f70ff985-a4ef-4643-bbbc-4a0ed4fc8415 10.1.2.3/8 c1744f8b-faa1-48a4-9e5c-02ac921467fa note",
            vec![format!(
                r#"POST /teamnet/routes {{"network":"10.0.0.0/8","tunnel_id":"{TUNNEL_ID}","comment":"note","virtual_network_id":"{VNET}"}}"#
            )],
        ),
        (
            "tunnel route ip list --nsub 10.0.0.0/8 --filter-comment-is x",
            vec!["GET /teamnet/routes?comment=x&is_deleted=false&network_subset=10.0.0.0%2F8&page=1&tun_types=cfd_tunnel".to_owned()],
        ),
        (
            "tunnel route ip delete 10.0.0.0/8",
            vec![
                "GET /teamnet/routes?is_deleted=false&network_subset=10.0.0.0%2F8&network_superset=10.0.0.0%2F8&page=1&tun_types=cfd_tunnel".to_owned(),
                format!("DELETE /teamnet/routes/{ROUTE}"),
            ],
        ),
        (
            "route hostname add db.internal c1744f8b-faa1-48a4-9e5c-02ac921467fa",
            vec![format!(
                r#"POST /zerotrust/routes/hostname {{"hostname":"db.internal","tunnel_id":"{TUNNEL_ID}","comment":""}}"#
            )],
        ),
        (
            "route hostname delete DB.internal",
            vec![
                "GET /zerotrust/routes/hostname?hostname=DB.internal&page=1".to_owned(),
                format!("DELETE /zerotrust/routes/hostname/{ROUTE}"),
            ],
        ),
    ] {
        assert_eq!(run(&api, line).await.1, asked, "{line}");
    }
}

#[tokio::test]
async fn lookups_print_a_table_or_say_that_nothing_matches() {
    let api = RecordingApi::start(answers).await;
    let (found, _) = run(&api, "tunnel route ip get 10.1.1.1").await;
    assert_eq!(
        found,
        format!(
            "ID                                   NETWORK    VIRTUAL NET ID                       COMMENT TUNNEL ID                            TUNNEL NAME CREATED              DELETED \n\
             {ROUTE} 10.0.0.0/8 {VNET} net     {TUNNEL_ID} blog        2025-02-18T22:41:43Z -       \n"
        )
    );
    let (none, _) = run(&api, "tunnel route ip get 192.0.2.1").await;
    assert_eq!(none, "No route matches the IP 192.0.2.1\n");
    let (names, _) = run(&api, "route hostname list").await;
    assert!(names.lines().nth(1).unwrap().contains("db.internal"), "{names}");
    let (json, _) = run(&api, "route hostname list -o json").await;
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap()[0]["hostname"],
        "db.internal"
    );
}

#[tokio::test]
async fn what_is_no_network_or_address_is_refused_before_asking() {
    let api = RecordingApi::start(answers).await;
    for line in [
        "tunnel route ip add bad x",
        "tunnel route ip get bad",
        "tunnel route ip delete bad",
        "tunnel route ip show --filter-tunnel-id x",
        "tunnel vnet add",
        "tunnel vnet list --id x",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(api.run(&words).await.code, Some(2), "{line}");
    }
    assert!(api.asked().await.is_empty());
}

#[tokio::test]
async fn both_clients_print_the_same() {
    let Some(stock) = cloudflared::binary() else {
        return skip("both_clients_print_the_same", cloudflared::ABSENT);
    };
    let adit = Adit::start(&["--no-demo"]).await;
    let variables = adit.variables().await;
    let theirs = async |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let output = cloudflared::run(&stock, variables.clone(), &words).await;
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let ours = async |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let outcome = adit.command(&words).await;
        (outcome.code == Some(0), outcome.stdout)
    };
    assert!(ours("tunnel create shop").await.0);
    // What changes something is done by one and by the other; then the lines are alike but for ids.
    for (one, other) in [
        ("tunnel vnet add -d first", "tunnel vnet add -d other"),
        (
            "tunnel route ip add 10.0.0.0/8 shop",
            "tunnel route ip add 10.1.0.0/16 shop",
        ),
        (
            "tunnel route ip add --vnet first 10.0.0.0/8 shop",
            "tunnel route ip add --vnet first 10.1.0.0/16 shop",
        ),
        (
            "tunnel vnet update -c note first",
            "tunnel vnet update -c note other",
        ),
    ] {
        let (their, our) = (theirs(one).await, ours(other).await);
        let first = |(success, text): (bool, String)| {
            let line = text.lines().next().unwrap_or_default().to_owned();
            let words = line.split(' ').filter(|word| word.len() != 36);
            let words = words.map(|word| match word {
                "other" => "first",
                "'other'" => "'first'",
                "10.1.0.0/16" => "10.0.0.0/8",
                word => word,
            });
            (success, words.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(first(our), first(their), "{one}");
    }
    for line in [
        "tunnel vnet list",
        "tunnel vnet list -o json",
        "tunnel vnet list --is-default",
        "tunnel vnet list --name other",
        "tunnel route ip show",
        "tunnel route ip list --output json",
        "tunnel route ip get 10.1.2.3",
        "tunnel route ip get --vnet first 10.9.9.9",
        "tunnel route ip get 192.168.1.1",
        "tunnel route ip show --filter-comment-is x -o json",
    ] {
        let (their, our) = (theirs(line).await, ours(line).await);
        // Neither prints routes where there are none, nor the same words about that.
        if !line.contains("--filter-comment-is") {
            assert_eq!(our, their, "{line}");
        }
    }
    for line in [
        "tunnel route ip delete 172.16.0.0/12",
        "tunnel vnet delete nobody",
        "tunnel vnet delete other",
    ] {
        assert_eq!(
            (ours(line).await.0, theirs(line).await.0),
            (false, false),
            "{line}"
        );
    }
    assert_eq!(theirs("tunnel vnet delete -f first").await, ours_like("first"));
    assert!(ours("tunnel route ip delete 10.1.0.0/16").await.0);
}

fn ours_like(name: &str) -> (bool, String) {
    (true, format!("Successfully deleted virtual network '{name}'\n"))
}
