//! The stock command line's commands on private networks.

use adit_testing::{
    cloudflared::{ABSENT, binary},
    skip,
};
use insta::assert_snapshot;

use super::Stock;

#[tokio::test]
async fn the_stock_client_manages_virtual_networks() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_manages_virtual_networks", ABSENT);
    };
    let stock = Stock::new(binary).await;
    let commands = [
        "tunnel vnet add lab first-floor",
        "tunnel vnet add --default main",
        "tunnel vnet add lab",
        "tunnel vnet list",
        "tunnel vnet list --output json",
        "tunnel vnet list --is-default=true",
        "tunnel vnet list --is-default=false --name lab",
        "tunnel vnet update --name laboratory --comment moved lab",
        "tunnel vnet update --default laboratory",
        "tunnel vnet update nothing",
        "tunnel vnet delete laboratory",
        "tunnel vnet delete default",
        "tunnel vnet list --show-deleted",
        "tunnel vnet delete main",
        "tunnel vnet delete main",
        "tunnel vnet list",
    ];
    assert_snapshot!("stock_virtual_networks", stock.transcript(&commands).await);
}

#[tokio::test]
async fn the_stock_client_manages_routes() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_manages_routes", ABSENT);
    };
    let stock = Stock::new(binary).await;
    let blog = stock.api.create_tunnel("blog").await;
    let commands = [
        "tunnel vnet add lab",
        "tunnel route ip add 10.1.0.0/16 blog office",
        "tunnel route ip add --vnet lab 10.1.0.0/16 blog",
        "tunnel route ip add 10.0.0.0/8 blog",
        "tunnel route ip add 2001:db8::/32 blog",
        "tunnel route ip add 10.1.0.0/16 blog",
        "tunnel route ip add 10.1.0.0/99 blog",
        "tunnel route ip add 10.2.0.0/16 nobody",
        "tunnel route ip show",
        "tunnel route ip show --output json --filter-comment-is office",
        // The client's own mistake: it asks for the networks around the given one.
        "tunnel route ip show --filter-network-is-subset-of 10.1.0.0/16",
        "tunnel route ip show --filter-network-is-superset-of 10.1.0.0/16",
        &format!("tunnel route ip show --filter-tunnel-id {blog}"),
        "tunnel route ip show --filter-tunnel-id f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
        "tunnel route ip get 10.1.2.3",
        "tunnel route ip get --vnet lab 10.1.2.3",
        "tunnel route ip get 2001:db8::1",
        "tunnel route ip get 192.0.2.1",
        "tunnel vnet delete lab",
        "tunnel delete blog",
        // Two virtual networks have it, and the client takes neither.
        "tunnel route ip delete 10.1.0.0/16",
        "tunnel route ip delete --vnet default 10.1.0.0/16",
        "tunnel route ip delete 10.0.0.0/8",
        "tunnel route ip delete 2001:db8::/32",
        "tunnel route ip show",
        "tunnel route ip show --filter-is-deleted",
        "tunnel vnet delete --force lab",
        "tunnel route ip show",
        "tunnel delete blog",
    ];
    assert_snapshot!("stock_routes", stock.transcript(&commands).await);
}

#[tokio::test]
async fn the_stock_client_deletes_a_tunnel_with_its_routes_by_force() {
    let Some(binary) = binary() else {
        return skip(
            "the_stock_client_deletes_a_tunnel_with_its_routes_by_force",
            ABSENT,
        );
    };
    let stock = Stock::new(binary).await;
    stock.api.create_tunnel("blog").await;
    let commands = [
        "tunnel route ip add 10.1.0.0/16 blog",
        "tunnel delete blog",
        "tunnel delete -f blog",
        "tunnel route ip show",
    ];
    assert_snapshot!("stock_delete_routed", stock.transcript(&commands).await);
}
