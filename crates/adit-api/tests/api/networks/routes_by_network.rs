//! Routes of IP networks, by the network.

use insta::assert_json_snapshot;
use serde_json::json;

use super::routes;
use crate::support::Api;

#[tokio::test]
async fn a_route_is_made_changed_and_deleted_by_its_network() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let one = routes("/network/172.16.0.0%2F16");
    let body = json!({"tunnel_id": blog, "comment": "office"});
    assert_json_snapshot!("by_network_create", api.post(&one, body.clone()).await.whole());
    assert_json_snapshot!("by_network_create_again", api.post(&one, body).await.whole());
    assert_json_snapshot!("by_network_patch", api.patch(&one, json!({})).await.whole());
    let changed = api.patch(&one, json!({"comment": "home"})).await;
    assert_eq!(changed.result()["comment"], "home");
    assert_json_snapshot!("by_network_delete", api.delete(&one).await.whole());
    assert_json_snapshot!("by_network_delete_again", api.delete(&one).await.whole());
    assert_eq!(api.patch(&one, json!({})).await.failure(), (404, 1015));
}

#[tokio::test]
async fn a_network_in_a_path_is_encoded_once_or_twice_or_not_at_all() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    for (path, network) in [
        ("/network/172.16.0.0%2F16", "172.16.0.0/16"),
        ("/network/172.16.0.0%252F16", "172.16.0.0/16"),
        ("/network/172.16.0.0/16", "172.16.0.0/16"),
        ("/network/172.16.1.1", "172.16.1.1/32"),
        ("/network/2001:db8::%2F32", "2001:db8::/32"),
        ("/network/2001%3Adb8%3A%3A%2F32", "2001:db8::/32"),
        ("/network/2001%253Adb8%253A%253A/32", "2001:db8::/32"),
    ] {
        let made = api.post(&routes(path), json!({"tunnel_id": blog})).await;
        assert_eq!(made.result()["network"], network, "{path}");
        assert_eq!(api.delete(&routes(path)).await.id(), made.id(), "{path}");
    }
    assert_json_snapshot!(
        "by_network_bad",
        api.delete(&routes("/network/172.16.0.0%2F99")).await.whole()
    );
    assert_eq!(
        api.post(&routes("/network/x/y"), json!({})).await.failure(),
        (400, 1001)
    );
    assert_eq!(
        api.post(&routes("/network/10.0.0.0/8"), json!({}))
            .await
            .failure(),
        (400, 1001)
    );
}

#[tokio::test]
async fn the_virtual_network_and_the_tunnel_say_which_route_of_a_network_is_meant() {
    let api = Api::new().await;
    let blog = api.create_tunnel("blog").await;
    let shop = api.create_tunnel("shop").await;
    let lab = api.add_virtual_network("lab").await;
    let default = api.add_route(&blog, "10.0.0.0/8").await.id();
    let one = routes("/network/10.0.0.0%2F8");
    let there = json!({"tunnel_id": shop, "virtual_network_id": lab});
    let other = api.post(&one, there).await.id();

    let commented = json!({"comment": "there", "virtual_network_id": lab});
    assert_eq!(api.patch(&one, commented).await.id(), other);
    assert_eq!(api.patch(&one, json!({"comment": "here"})).await.id(), default);

    let delete = async |query: String| api.delete(&format!("{one}?{query}")).await;
    for none in [
        format!("tunnel_id={shop}"),
        format!("virtual_network_id={lab}&tunnel_id={blog}"),
        "tun_type=warp_connector".to_owned(),
        "tun_type=gre".to_owned(),
    ] {
        assert_eq!(delete(none.clone()).await.failure(), (404, 1015), "{none}");
    }
    assert_eq!(delete("tun_type=x".to_owned()).await.failure(), (400, 1001));
    assert_eq!(
        delete("tun_type=warp_connector,gre".to_owned()).await.failure(),
        (404, 1015)
    );
    assert_eq!(
        delete(format!("virtual_network_id={lab}&tunnel_id={shop}"))
            .await
            .id(),
        other
    );
    assert_eq!(
        delete("tun_type=gre&tun_type=warp_connector%252Ccfd_tunnel".to_owned())
            .await
            .id(),
        default
    );
}
