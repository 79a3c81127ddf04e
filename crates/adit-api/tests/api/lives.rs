//! What several requests in a row make of tunnels, records and routes.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Api, NOBODY, SECRET, tunnels};

#[tokio::test]
async fn a_tunnel_lives_and_dies_in_the_store() {
    let api = Api::new().await;
    let made = api
        .post(&tunnels(""), json!({"name": "blog", "tunnel_secret": SECRET}))
        .await;
    let made = made.result();
    let tunnel = tunnels(&format!("/{}", made["id"].as_str().unwrap()));
    assert_eq!(made["conns_inactive_at"], made["created_at"]);
    assert_eq!(api.get(&format!("{tunnel}/token")).await.result(), &made["token"]);
    assert_eq!(
        api.post(&tunnels(""), json!({"name": "blog"})).await.failure(),
        (409, 1013)
    );

    let deleted = api.delete(&tunnel).await;
    assert!(deleted.result()["deleted_at"].is_string());
    assert_eq!(api.get(&tunnel).await.result(), deleted.result());
    assert_eq!(api.delete(&tunnel).await.result(), deleted.result());
    assert_eq!(api.get(&format!("{tunnel}/token")).await.failure(), (404, 1003));
    api.post(&tunnels(""), json!({"name": "blog"})).await.result();
    let live = api.get(&tunnels("?name=blog&is_deleted=false")).await;
    assert_eq!(live.ids().len(), 1);
}

#[tokio::test]
async fn a_client_that_reads_until_an_empty_page_sees_each_tunnel_once() {
    let api = Api::new().await;
    let mut made = BTreeSet::new();
    for number in 0..7 {
        made.insert(api.create_tunnel(&format!("t{number}")).await);
    }
    let mut seen = Vec::new();
    for page in 1.. {
        let answer = api.get(&tunnels(&format!("?per_page=3&page={page}"))).await;
        assert_eq!(answer.body["result_info"]["total_count"], 7);
        if answer.ids().is_empty() {
            break;
        }
        seen.extend(answer.ids().into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), 7);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), made);
}

#[tokio::test]
async fn what_an_edge_reports_is_shown() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let tunnel = tunnels(&format!("/{id}"));
    let status = async || api.get(&tunnel).await.result()["status"].clone();
    let connections = api.connect(&id).await;
    assert_eq!(status().await, "healthy");

    let shown = api.get(&tunnel).await.result()["connections"].clone();
    assert_eq!(shown[0]["id"], connections[0].to_string());
    assert_eq!(shown[1]["id"], connections[1].to_string());
    let connectors = api.get(&format!("{tunnel}/connections")).await;
    let connector = connectors.result()[0].clone();
    assert_eq!(connector["conns"], shown);
    let one = api
        .get(&format!(
            "{tunnel}/connectors/{}",
            connector["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(one.result(), &connector);

    // Whether it may go is the edges' word, not the store's.
    *api.edges.live.lock() = 1;
    assert_eq!(api.delete(&tunnel).await.failure(), (400, 1022));
    api.disconnect(&id, connections).await;
    assert_eq!(status().await, "down");
    assert_eq!(
        api.get(&format!("{tunnel}/connections")).await.result(),
        &json!([])
    );
}

#[tokio::test]
async fn records_and_routes_are_kept() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    let zone = api.zone("");
    let route = async |tunnel: &str, overwrite: bool| {
        let body = json!({"type": "dns", "user_hostname": "www", "overwrite_existing": overwrite});
        api.put(&format!("{zone}/tunnels/{tunnel}/routes"), body).await
    };
    assert_eq!(route(&blog, false).await.result()["cname"], "new");
    assert_eq!(route(&blog, false).await.result()["cname"], "unchanged");
    assert_eq!(route(&shop, false).await.failure(), (400, 1003));
    assert_eq!(route(&shop, true).await.result()["cname"], "updated");
    assert_eq!(route(NOBODY, true).await.failure(), (404, 1003));
    let gone = api.create_tunnel("gone").await;
    assert_eq!(route(&gone, true).await.result()["cname"], "updated");
    api.delete(&tunnels(&format!("/{gone}"))).await.result();
    assert_eq!(
        route(&shop, false).await.result()["cname"],
        "updated",
        "a dead record kept its name"
    );

    let found = api.get(&format!("{zone}/dns_records?name=www.example.com")).await;
    assert_eq!(found.result()[0]["content"], format!("{shop}.cfargotunnel.com"));
    let record = format!("{zone}/dns_records/{}", found.ids()[0]);
    assert_eq!(
        api.patch(&record, json!({"comment": "x"})).await.result()["comment"],
        "x"
    );
    let again = json!({"type": "A", "name": "www", "content": "192.0.2.1"});
    assert_eq!(
        api.post(&format!("{zone}/dns_records"), again).await.failure(),
        (400, 81053)
    );
    api.delete(&record).await.result();
    assert_eq!(api.get(&record).await.failure(), (404, 81044));
    assert_eq!(
        api.get("/zones?name=example.com").await.result()[0]["id"],
        api.zone_id.to_string()
    );
}
