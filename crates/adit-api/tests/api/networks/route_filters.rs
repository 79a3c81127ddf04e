//! Lists of routes.

use serde_json::json;

use super::routes;
use crate::support::{Api, NOBODY};

#[tokio::test]
async fn routes_are_found_by_the_networks_around_and_below_them() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    for network in [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
        "10.2.0.0/16",
        "0.0.0.0/0",
        "::/0",
        "2001:db8::/32",
    ] {
        api.add_route(&blog, network).await.result();
    }
    for (query, expected) in [
        ("?network_subset=10.1.0.0/16", vec!["10.1.2.0/24", "10.1.0.0/16"]),
        (
            "?network_subset=10.0.0.0%2F8",
            vec!["10.2.0.0/16", "10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8"],
        ),
        (
            "?network_superset=10.1.2.0/24",
            vec!["0.0.0.0/0", "10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8"],
        ),
        (
            "?network_superset=10.2.3.4",
            vec!["0.0.0.0/0", "10.2.0.0/16", "10.0.0.0/8"],
        ),
        (
            "?network_subset=10.1.0.0%252F16&network_superset=10.1.0.0%252F16",
            vec!["10.1.0.0/16"],
        ),
        ("?network_superset=2001:db8:1::/48", vec!["2001:db8::/32", "::/0"]),
        ("?network_subset=::/0", vec!["2001:db8::/32", "::/0"]),
        ("?network_subset=192.0.2.0/24", vec![]),
    ] {
        assert_eq!(api.networks(query).await, expected, "{query}");
    }
    for bad in ["?network_subset=x", "?network_superset=10.0.0.0/99"] {
        assert_eq!(api.get(&routes(bad)).await.failure(), (400, 1001), "{bad}");
    }
}

#[tokio::test]
async fn routes_are_filtered_by_what_they_are() {
    let api = Api::new().await;
    let (blog, shop) = (api.create_tunnel("blog").await, api.create_tunnel("shop").await);
    let lab = api.add_virtual_network("lab").await;
    let body = json!({"network": "10.1.0.0/16", "tunnel_id": blog, "comment": "100% of it"});
    let first = api.post(&routes(""), body).await;
    api.add_route(&shop, "10.2.0.0/16").await.result();
    let body = json!({"network": "10.3.0.0/16", "tunnel_id": shop, "virtual_network_id": lab});
    api.post(&routes(""), body).await.result();
    let gone = api.add_route(&shop, "10.4.0.0/16").await.id();
    let deleted_at = api.delete(&routes(&format!("/{gone}"))).await.result()["deleted_at"].clone();
    let made_at = first.result()["created_at"].as_str().unwrap();

    let all = vec!["10.4.0.0/16", "10.3.0.0/16", "10.2.0.0/16", "10.1.0.0/16"];
    for (query, expected) in [
        (String::new(), all.clone()),
        ("?is_deleted=false".to_owned(), all[1..].to_vec()),
        ("?is_deleted=true".to_owned(), all[..1].to_vec()),
        (format!("?tunnel_id={blog}"), all[3..].to_vec()),
        (format!("?tunnel_id={NOBODY}"), vec![]),
        (format!("?route_id={gone}"), all[..1].to_vec()),
        (format!("?virtual_network_id={lab}"), all[1..2].to_vec()),
        ("?comment=100%25%20of%20it".to_owned(), all[3..].to_vec()),
        ("?comment=100%2525%2520of%2520it".to_owned(), all[3..].to_vec()),
        ("?comment=100".to_owned(), vec![]),
        (format!("?existed_at={made_at}"), all[3..].to_vec()),
        (
            format!("?existed_at={}", made_at.replace(':', "%253A")),
            all[3..].to_vec(),
        ),
        (
            format!("?existed_at={}", deleted_at.as_str().unwrap()),
            all.clone(),
        ),
        ("?existed_at=2019-10-12T07%253A20%253A50.52Z".to_owned(), vec![]),
        (
            "?existed_at=2099-10-12T07:20:50.52Z".to_owned(),
            all[1..].to_vec(),
        ),
        ("?tun_types=cfd_tunnel".to_owned(), all.clone()),
        (
            "?tun_types=cfd_tunnel,warp_connector&tun_types=gre".to_owned(),
            all.clone(),
        ),
        ("?tun_types=warp_connector".to_owned(), vec![]),
        ("?tun_types=warp,gre".to_owned(), vec![]),
    ] {
        assert_eq!(api.networks(&query).await, expected, "{query}");
    }
    for bad in [
        "?tun_types=cfd",
        "?tunnel_id=x",
        "?route_id=x",
        "?existed_at=now",
        "?is_deleted=1",
    ] {
        assert_eq!(api.get(&routes(bad)).await.failure(), (400, 1001), "{bad}");
    }
}

#[tokio::test]
async fn routes_come_in_pages_and_past_the_end_there_are_none() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    for third in 0..5 {
        api.add_route(&blog, &format!("10.0.{third}.0/24")).await.result();
    }
    let page = async |page: u32| {
        let answer = api.get(&routes(&format!("?per_page=2&page={page}"))).await;
        let info = answer.body["result_info"].clone();
        let networks: Vec<_> = answer
            .result()
            .as_array()
            .unwrap()
            .iter()
            .map(super::network)
            .collect();
        assert_eq!((&info["total_count"], &info["page"]), (&json!(5), &json!(page)));
        networks
    };
    assert_eq!(page(1).await, ["10.0.4.0/24", "10.0.3.0/24"]);
    assert_eq!(page(3).await, ["10.0.0.0/24"]);
    assert_eq!(page(4).await, [] as [&str; 0]);
}
