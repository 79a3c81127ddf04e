//! Host names that lead to pools of tunnels.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Api, NOBODY, tunnels};

fn pools(rest: &str) -> String {
    format!("/accounts/{ACCOUNT}/load_balancers/pools{rest}")
}

async fn put(api: &Api, tunnel: &str, body: Value) -> crate::support::Answer {
    api.put(&api.zone(&format!("/tunnels/{tunnel}/routes")), body)
        .await
}

/// Leads a name to a pool with the tunnel in it; what became of the load balancer and the pool.
async fn balance(api: &Api, tunnel: &str, name: &str, pool: &str) -> (String, String) {
    let body = json!({"type": "lb", "lb_name": name, "lb_pool": pool});
    let answer = put(api, tunnel, body).await;
    let word = |field: &str| answer.result()[field].as_str().unwrap().to_owned();
    (word("load_balancer"), word("pool"))
}

fn became(load_balancer: &str, pool: &str) -> (String, String) {
    (load_balancer.to_owned(), pool.to_owned())
}

#[tokio::test]
async fn each_of_name_and_pool_is_new_then_updated_then_unchanged() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    let body = json!({"type": "lb", "lb_name": "www", "lb_pool": "web"});
    assert_json_snapshot!("balanced_new", put(&api, &blog, body).await.whole());
    for (tunnel, name, pool, expected) in [
        (&blog, "www.example.com", "web", became("unchanged", "unchanged")),
        (&shop, "www", "web", became("unchanged", "updated")),
        (&shop, "*.shop", "web", became("new", "unchanged")),
        (&shop, "www", "other", became("updated", "new")),
        (&blog, "api2", "other", became("new", "updated")),
        (&shop, "www", "web", became("updated", "unchanged")),
    ] {
        assert_eq!(balance(&api, tunnel, name, pool).await, expected, "{name} {pool}");
    }
}

#[tokio::test]
async fn load_balancers_and_pools_are_shown_and_removed() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    balance(&api, &blog, "www", "web").await;
    let list = api.zone("/load_balancers");
    assert_json_snapshot!("load_balancers", api.get(&list).await.whole());
    assert_json_snapshot!("pools", api.get(&pools("")).await.whole());
    balance(&api, &shop, "www", "web").await;

    let id = api.get(&list).await.ids()[0].to_owned();
    let one = api.zone(&format!("/load_balancers/{id}"));
    assert_json_snapshot!("load_balancer", api.get(&one).await.whole());
    let pool = pools(&format!("/{}", api.get(&pools("")).await.ids()[0]));
    assert_eq!(
        api.get(&pool).await.result()["origins"].as_array().unwrap().len(),
        2
    );

    assert_json_snapshot!("pool_in_use", api.delete(&pool).await.whole());
    assert_json_snapshot!("load_balancer_deleted", api.delete(&one).await.whole());
    assert_json_snapshot!("pool_deleted", api.delete(&pool).await.whole());
    assert_json_snapshot!("load_balancer_unknown", api.get(&one).await.whole());
    assert_json_snapshot!("pool_unknown", api.get(&pool).await.whole());
    for gone in [&one, &pool] {
        assert_eq!(api.delete(gone).await.failure(), (404, 1404), "{gone}");
    }
    assert_eq!(api.get(&list).await.result(), &json!([]));
    assert_eq!(api.get(&pools("")).await.result(), &json!([]));
}

#[tokio::test]
async fn a_name_is_a_records_or_a_load_balancers() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let dns = json!({"type": "dns", "user_hostname": "a", "overwrite_existing": true});
    put(&api, &blog, dns.clone()).await.result();
    let lb = json!({"type": "lb", "lb_name": "a", "lb_pool": "web"});
    assert_json_snapshot!("balanced_taken", put(&api, &blog, lb).await.whole());
    assert_eq!(
        api.get(&pools("")).await.result(),
        &json!([]),
        "what was refused left nothing"
    );

    balance(&api, &blog, "b", "web").await;
    let dns = json!({"type": "dns", "user_hostname": "b", "overwrite_existing": true});
    assert_eq!(put(&api, &blog, dns).await.failure(), (400, 1003));
    let record = json!({"type": "A", "name": "b", "content": "192.0.2.1"});
    let made = api.post(&api.zone("/dns_records"), record).await;
    assert_eq!(made.failure(), (400, 81_053));
}

#[tokio::test]
async fn a_balanced_route_needs_a_live_tunnel_and_a_free_name() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let lb = |name: &str| json!({"type": "lb", "lb_name": name, "lb_pool": "web"});
    assert_eq!(put(&api, NOBODY, lb("a")).await.failure(), (404, 1003));
    assert_eq!(put(&api, &blog, lb("management")).await.failure(), (400, 1004));
    balance(&api, &blog, "a", "web").await;
    api.delete(&tunnels(&format!("/{blog}"))).await.result();
    assert_eq!(put(&api, &blog, lb("b")).await.failure(), (404, 1003));
    let origins = api.get(&pools("")).await.result()[0]["origins"].clone();
    assert_eq!(origins[0]["enabled"], false);
}

#[tokio::test]
async fn the_audit_log_tells_of_pools_and_load_balancers() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    balance(&api, &blog, "www", "web").await;
    balance(&api, &shop, "www", "web").await;
    balance(&api, &shop, "www", "other").await;
    let log = api.get(&format!("/accounts/{ACCOUNT}/audit_logs")).await;
    let entries = log.result().as_array().unwrap().clone();
    let of = |entry: &Value| {
        let changed = json!([entry["action"], entry["oldValue"], entry["newValue"]]);
        entry.to_string().contains("pool").then_some(changed)
    };
    let told: Vec<Value> = entries.iter().filter_map(of).collect();
    assert_json_snapshot!("balanced_audit", crate::support::redacted(Value::Array(told)));
}
