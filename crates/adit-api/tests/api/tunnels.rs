//! Tunnels through their whole life.

use adit_core::port::{AskError, ChangeNumber, Directory as _, Question};
use adit_model::Timestamp;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Answer, Api, Fault, NOBODY, SECRET, tunnels};

#[tokio::test]
async fn a_new_tunnel_comes_with_its_credentials() {
    let api = Api::new().await;
    let body =
        json!({"name": "blog", "config_src": "cloudflare", "tunnel_secret": SECRET, "metadata": {"x": 1}});
    assert_json_snapshot!(
        "tunnel_create",
        api.post(&tunnels(""), body.clone()).await.whole()
    );
}

#[tokio::test]
async fn a_tunnel_without_a_secret_gets_a_random_one() {
    let api = Api::new().await;
    let first = api.post(&tunnels(""), json!({"name": "a"})).await;
    let second = api
        .post(
            &tunnels(""),
            json!({"name": "b", "tunnel_secret": null, "config_src": null}),
        )
        .await;
    let secret = |answer: &Answer| {
        let text = answer.result()["credentials_file"]["TunnelSecret"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(text.len(), 44, "base64 of 32 bytes");
        text
    };
    assert_ne!(secret(&first), secret(&second));
    assert_eq!(first.result()["config_src"], "local");
}

#[tokio::test]
async fn a_name_belongs_to_one_live_tunnel() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    assert_json_snapshot!(
        "tunnel_create_name_taken",
        api.post(&tunnels(""), json!({"name": "blog"})).await.whole()
    );
    api.delete(&tunnels(&format!("/{id}"))).await.result();
    assert_ne!(api.create_tunnel("blog").await, id);
}

#[tokio::test]
async fn a_tunnel_is_shown_while_it_lives_and_after() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let connections = api.connect(&id).await;
    assert_json_snapshot!("tunnel_get", api.get(&tunnels(&format!("/{id}"))).await.whole());
    api.disconnect(&id, connections).await;
    assert_json_snapshot!(
        "tunnel_delete",
        api.delete(&tunnels(&format!("/{id}"))).await.whole()
    );
    assert_json_snapshot!(
        "tunnel_get_deleted",
        api.get(&tunnels(&format!("/{id}"))).await.whole()
    );
    assert_json_snapshot!(
        "tunnel_get_unknown",
        api.get(&tunnels(&format!("/{NOBODY}"))).await.whole()
    );
}

#[tokio::test]
async fn lists_have_pages_that_end_in_an_empty_one() {
    let api = Api::new().await;
    for name in ["a", "b", "c"] {
        api.create_tunnel(name).await;
    }
    assert_json_snapshot!(
        "tunnel_list_page",
        api.get(&tunnels("?page=2&per_page=2")).await.whole()
    );
    assert_json_snapshot!(
        "tunnel_list_past_the_end",
        api.get(&tunnels("?page=3&per_page=2")).await.whole()
    );
}

#[tokio::test]
async fn every_filter_must_hold() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let shop = api.create_tunnel("shop").await;
    let odd = api.create_tunnel("a%20b").await;
    let spaced = api.create_tunnel("x y").await;
    api.connect(&shop).await;
    api.delete(&tunnels(&format!("/{blog}"))).await.result();
    let shown = api.get(&tunnels(&format!("/{shop}"))).await;
    let time = |value: &Value| Timestamp::parse(value.as_str().unwrap()).unwrap();
    let (made, active) = (
        time(&shown.result()["created_at"]),
        time(&shown.result()["conns_active_at"]),
    );
    let before = Timestamp::from_unix_micros(active.unix_micros() - 1).unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("", &[&spaced, &odd, &shop, &blog]),
        ("?is_deleted=false", &[&spaced, &odd, &shop]),
        ("?is_deleted=true", &[&blog]),
        ("?name=shop&is_deleted=false&page=1", &[&shop]),
        ("?name=sho", &[]),
        ("?include_prefix=sh", &[&shop]),
        ("?name_prefix=bl", &[&blog]),
        ("?exclude_prefix=sh", &[&spaced, &odd, &blog]),
        (&format!("?uuid={shop}&page=1"), &[&shop]),
        (&format!("?uuid={shop}&name=blog"), &[]),
        ("?status=healthy", &[&shop]),
        (&format!("?existed_at={made}"), &[&shop, &blog]),
        (&format!("?existed_at={}", encoded_twice(made)), &[&shop, &blog]),
        (&format!("?existed_at={}", an_hour_east(made)), &[&shop, &blog]),
        (&format!("?was_active_at={active}"), &[&shop]),
        (&format!("?was_active_at={before}"), &[]),
        (
            &format!("?was_inactive_at={}", encoded_twice(made)),
            &[&shop, &blog],
        ),
        ("?name=a%2520b", &[&odd]),
        ("?name=x%20y", &[&spaced]),
        ("?name=x%2520y", &[&spaced]),
        ("?unknown=1&is_deleted=", &[&spaced, &odd, &shop, &blog]),
    ];
    for (query, expected) in cases {
        for list in [tunnels(query), format!("/accounts/{ACCOUNT}/tunnels{query}")] {
            let answer = api.get(&list).await;
            assert_eq!(answer.ids(), *expected, "{list}");
            assert_eq!(
                answer.body["result_info"]["total_count"],
                expected.len(),
                "{list}"
            );
        }
    }
}

/// A time whose colons were percent-encoded by two layers of a client.
fn encoded_twice(time: Timestamp) -> String {
    time.to_string().replace(':', "%253A")
}

/// The same moment in the zone UTC+1.
fn an_hour_east(time: Timestamp) -> String {
    let later = Timestamp::from_unix_micros(time.unix_micros() + 3_600_000_000).unwrap();
    later.to_string().replace('Z', "%2B01:00")
}

#[tokio::test]
async fn the_list_of_all_types_knows_which_types_there_are() {
    let api = Api::new().await;
    api.create_tunnel("blog").await;
    let count = async |types: &str| {
        api.get(&format!("/accounts/{ACCOUNT}/tunnels?tun_types={types}"))
            .await
            .body["result_info"]["count"]
            .clone()
    };
    assert_eq!(count("cfd_tunnel").await, 1);
    assert_eq!(count("warp_connector,cfd_tunnel").await, 1);
    assert_eq!(count("warp_connector&tun_types=cfd_tunnel").await, 1);
    assert_eq!(count("warp_connector,gre").await, 0);
    let wrong = api
        .get(&format!("/accounts/{ACCOUNT}/tunnels?tun_types=cfd_tunnel,vpn"))
        .await;
    assert_eq!(wrong.failure(), (400, 1001));
}

#[tokio::test]
async fn the_token_is_the_one_of_the_creation_until_the_tunnel_is_deleted() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    assert_json_snapshot!(
        "tunnel_token",
        api.get(&tunnels(&format!("/{id}/token"))).await.whole()
    );
    api.delete(&tunnels(&format!("/{id}"))).await.result();
    for path in ["token", "connections", &format!("connectors/{NOBODY}")] {
        assert_eq!(
            api.get(&tunnels(&format!("/{id}/{path}"))).await.failure(),
            (404, 1003),
            "{path}"
        );
        assert_eq!(
            api.get(&tunnels(&format!("/{NOBODY}/{path}"))).await.failure(),
            (404, 1003),
            "{path}"
        );
    }
}

#[tokio::test]
async fn connectors_are_listed_with_their_connections() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let connections = tunnels(&format!("/{id}/connections"));
    assert_eq!(api.get(&connections).await.result(), &json!([]));
    api.connect(&id).await;
    let listed = api.get(&connections).await;
    assert_json_snapshot!("connections", listed.whole());
    let connector = listed.result()[0]["id"].as_str().unwrap();
    assert_json_snapshot!(
        "connector",
        api.get(&tunnels(&format!("/{id}/connectors/{connector}")))
            .await
            .whole()
    );
    assert_json_snapshot!(
        "connector_unknown",
        api.get(&tunnels(&format!("/{id}/connectors/{NOBODY}")))
            .await
            .whole()
    );
}

/// How far the store's history goes.
async fn last_change(api: &Api) -> ChangeNumber {
    api.store.snapshot().await.unwrap().1
}

#[tokio::test]
async fn closing_connections_asks_the_edges() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let made = last_change(&api).await;
    let connections = tunnels(&format!("/{id}/connections"));
    assert_json_snapshot!("connections_delete", api.delete(&connections).await.whole());
    api.delete(&format!("{connections}?client_id={NOBODY}"))
        .await
        .result();
    let asked = api.edges.asked.lock().clone();
    assert_eq!(asked[0].after, made);
    assert!(matches!(
        &asked[0].question,
        Question::CloseConnections { connector: None, .. }
    ));
    assert!(
        matches!(&asked[1].question, Question::CloseConnections { connector: Some(c), .. }
        if c.to_string() == NOBODY)
    );
    assert_eq!(
        api.delete(&format!("{connections}?client_id=x")).await.failure(),
        (400, 1001)
    );
    assert_eq!(
        api.delete(&tunnels(&format!("/{NOBODY}/connections")))
            .await
            .failure(),
        (404, 1003)
    );
}

#[tokio::test]
async fn a_tunnel_with_live_connections_goes_only_with_cascade() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let tunnel = tunnels(&format!("/{id}"));
    *api.edges.live.lock() = 2;
    assert_json_snapshot!("tunnel_delete_connected", api.delete(&tunnel).await.whole());
    assert_eq!(api.get(&tunnel).await.result()["deleted_at"], Value::Null);

    let before = last_change(&api).await;
    let deleted = api.delete(&format!("{tunnel}?cascade=true")).await;
    let after = last_change(&api).await;
    assert!(deleted.result()["deleted_at"].is_string());
    let asked = api.edges.asked.lock();
    // Asked for edges that know of the deletion.
    let last = asked.last().unwrap();
    assert!(before < after);
    assert_eq!(last.after, after);
    assert!(matches!(
        last.question,
        Question::CloseConnections { connector: None, .. }
    ));
}

#[tokio::test]
async fn deleting_twice_changes_nothing() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let tunnel = tunnels(&format!("/{id}"));
    let first = api.delete(&tunnel).await;
    let second = api.delete(&format!("{tunnel}?cascade=true")).await;
    assert_eq!(first.result(), second.result());
    assert_eq!(
        api.delete(&tunnels(&format!("/{NOBODY}"))).await.failure(),
        (404, 1003)
    );
    assert_eq!(
        api.delete(&format!("{tunnel}?cascade=perhaps")).await.failure(),
        (400, 1001)
    );
}

#[tokio::test]
async fn an_edge_that_does_not_answer_is_reported() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let tunnel = tunnels(&format!("/{id}"));
    api.edges.fail(Fault::Error(AskError::Silent));
    assert_json_snapshot!("edge_silent", api.delete(&tunnel).await.whole());
    api.edges.fail(Fault::Error(AskError::QueueFull));
    assert_json_snapshot!("edge_busy", api.delete(&tunnel).await.whole());
    assert_eq!(api.get(&tunnel).await.result()["deleted_at"], Value::Null);

    // With cascade the deletion stands, and asking again closes what is left.
    assert_eq!(
        api.delete(&format!("{tunnel}?cascade=true")).await.failure().0,
        503
    );
    api.edges.fail(Fault::Error(AskError::Stopped));
    assert!(api.delete(&format!("{tunnel}?cascade=true")).await.result()["deleted_at"].is_string());
}
