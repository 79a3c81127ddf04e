//! The API over a real store.

use std::collections::BTreeSet;

use adit_testing::wait_for;
use serde_json::{Value, json};

use crate::support::{Home, NOBODY, SECRET, tunnels};

#[tokio::test]
async fn a_tunnel_lives_and_dies_in_the_store() {
    let home = Home::new().await;
    let made = home
        .post(&tunnels(""), json!({"name": "blog", "tunnel_secret": SECRET}))
        .await;
    let made = made.result();
    let tunnel = tunnels(&format!("/{}", made["id"].as_str().unwrap()));
    assert_eq!(made["conns_inactive_at"], made["created_at"]);
    assert_eq!(
        home.get(&format!("{tunnel}/token")).await.result(),
        &made["token"]
    );
    assert_eq!(
        home.post(&tunnels(""), json!({"name": "blog"})).await.failure(),
        (409, 1013)
    );

    let deleted = home.delete(&tunnel).await;
    assert!(deleted.result()["deleted_at"].is_string());
    assert_eq!(home.get(&tunnel).await.result(), deleted.result());
    assert_eq!(home.delete(&tunnel).await.result(), deleted.result());
    assert_eq!(home.get(&format!("{tunnel}/token")).await.failure(), (404, 1003));
    home.post(&tunnels(""), json!({"name": "blog"})).await.result();
    assert_eq!(
        home.get(&tunnels("?name=blog&is_deleted=false"))
            .await
            .result()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_client_that_reads_until_an_empty_page_sees_each_tunnel_once() {
    let home = Home::new().await;
    let mut made = BTreeSet::new();
    for number in 0..7 {
        made.insert(home.create_tunnel(&format!("t{number}")).await);
    }
    let mut seen = Vec::new();
    for page in 1.. {
        let answer = home.get(&tunnels(&format!("?per_page=3&page={page}"))).await;
        assert_eq!(answer.body["result_info"]["total_count"], 7);
        let ids: Vec<String> = answer
            .result()
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["id"].as_str().unwrap().to_owned())
            .collect();
        if ids.is_empty() {
            break;
        }
        seen.extend(ids);
    }
    assert_eq!(seen.len(), 7);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), made);
}

#[tokio::test]
async fn what_an_edge_reports_is_shown() {
    let home = Home::new().await;
    let id = home.create_tunnel("blog").await;
    let tunnel = tunnels(&format!("/{id}"));
    let status = async || home.get(&tunnel).await.result()["status"].clone();
    let connection = home.connect(&id);
    wait_for("a healthy tunnel", async || status().await == "healthy").await;

    let shown = home.get(&tunnel).await.result()["connections"][0].clone();
    assert_eq!(shown["id"], connection.to_string());
    let connectors = home.get(&format!("{tunnel}/connections")).await;
    let connector = connectors.result()[0].clone();
    assert_eq!(connector["conns"], json!([shown]));
    let one = home
        .get(&format!(
            "{tunnel}/connectors/{}",
            connector["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(one.result(), &connector);

    // Whether it may go is the edges' word, not the store's.
    *home.edges.live.lock() = 1;
    assert_eq!(home.delete(&tunnel).await.failure(), (400, 1022));
    home.disconnect(&id, connection);
    wait_for("a tunnel that is down", async || status().await == "down").await;
    assert_eq!(
        home.get(&format!("{tunnel}/connections")).await.result(),
        &json!([])
    );
}

#[tokio::test]
async fn records_and_routes_are_kept() {
    let home = Home::new().await;
    let (blog, shop) = (home.create_tunnel("blog").await, home.create_tunnel("shop").await);
    let zone = format!("/zones/{}", home.zone);
    let route = async |tunnel: &str, overwrite: bool| {
        let body = json!({"type": "dns", "user_hostname": "www", "overwrite_existing": overwrite});
        home.put(&format!("{zone}/tunnels/{tunnel}/routes"), body).await
    };
    assert_eq!(route(&blog, false).await.result()["cname"], "new");
    assert_eq!(route(&blog, false).await.result()["cname"], "unchanged");
    assert_eq!(route(&shop, false).await.failure(), (400, 1003));
    assert_eq!(route(&shop, true).await.result()["cname"], "updated");
    assert_eq!(route(NOBODY, true).await.failure(), (404, 1003));
    let gone = home.create_tunnel("gone").await;
    assert_eq!(route(&gone, true).await.result()["cname"], "updated");
    home.delete(&tunnels(&format!("/{gone}"))).await.result();
    assert_eq!(
        route(&shop, false).await.result()["cname"],
        "updated",
        "a dead record kept its name"
    );

    let found = home
        .get(&format!("{zone}/dns_records?name=www.example.com"))
        .await;
    assert_eq!(found.result()[0]["content"], format!("{shop}.cfargotunnel.com"));
    let record = format!("{zone}/dns_records/{}", found.result()[0]["id"].as_str().unwrap());
    assert_eq!(
        home.patch(&record, json!({"comment": "x"})).await.result()["comment"],
        "x"
    );
    let again = json!({"type": "A", "name": "www", "content": "192.0.2.1"});
    assert_eq!(
        home.post(&format!("{zone}/dns_records"), again).await.failure(),
        (400, 81053)
    );
    home.delete(&record).await.result();
    assert_eq!(home.get(&record).await.failure(), (404, 81044));
    assert_eq!(
        home.get("/zones?name=example.com").await.result()[0]["id"],
        home.zone.to_string()
    );
}

#[tokio::test]
async fn the_accounts_token_is_good_and_another_is_not() {
    let home = Home::new().await;
    assert_eq!(home.get("/user/tokens/verify").await.result()["status"], "active");
    let other = http::Request::get("/client/v4/user/tokens/verify")
        .header("authorization", "Bearer 0123456789012345678901234567890123456789")
        .body(axum::body::Body::empty());
    assert_eq!(home.send(other.unwrap()).await.failure(), (401, 1000));
    assert_eq!(
        home.get(&tunnels("?page=1")).await.body["result"],
        Value::Array(Vec::new())
    );
}
