//! Private networks.

mod hostname_routes;
mod route_filters;
mod routes;
mod routes_by_network;
mod subnets;
mod tunnels_with_routes;
mod virtual_networks;

use crate::support::{Answer, Client, account};
use serde_json::{Value, json};

/// The path of the account's routes with something behind it.
fn routes(rest: &str) -> String {
    account(&format!("/teamnet/routes{rest}"))
}

/// The path of the account's virtual networks with something behind it.
fn virtual_networks(rest: &str) -> String {
    account(&format!("/teamnet/virtual_networks{rest}"))
}

/// The path of the account's routes of private host names with something behind it.
fn hostname_routes(rest: &str) -> String {
    account(&format!("/zerotrust/routes/hostname{rest}"))
}

impl Client {
    async fn add_route(&self, tunnel: &str, network: &str) -> Answer {
        let body = json!({"network": network, "tunnel_id": tunnel});
        self.post(&routes(""), body).await
    }

    async fn add_virtual_network(&self, name: &str) -> String {
        self.post(&virtual_networks(""), json!({"name": name})).await.id()
    }

    async fn default_virtual_network(&self) -> String {
        let found = self
            .get(&virtual_networks("?is_default_network=true&is_deleted=false"))
            .await;
        let [only] = &*found.ids() else {
            panic!("{found:?}")
        };
        (*only).to_owned()
    }

    /// The networks of a list of routes, in order.
    async fn networks(&self, query: &str) -> Vec<String> {
        let found = self.get(&routes(query)).await;
        let total = found.body["result_info"]["total_count"].as_u64().unwrap();
        let items = found.result().as_array().unwrap();
        let networks: Vec<String> = items.iter().map(network).collect();
        assert_eq!(networks.len() as u64, total, "{query}");
        networks
    }
}

fn network(item: &Value) -> String {
    item["network"].as_str().unwrap().to_owned()
}
