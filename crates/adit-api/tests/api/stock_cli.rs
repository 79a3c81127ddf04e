//! The stock command line against the API.

mod networks;
mod transcript;

use std::{path::PathBuf, process::Output, time::SystemTime};

use adit_api::Limits;
use adit_core::port::{Ask, Question};
use adit_model::Timestamp;
use adit_testing::{
    cloudflared::{ABSENT, binary, run},
    skip,
};
use adit_wire::{OriginCertificate, TunnelToken, management_token::ManagementResource};
use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{ACCOUNT, Api, Server, TOKEN};

/// The stock client, logged in.
struct Stock {
    binary: PathBuf,
    api: Api,
    server: Server,
    directory: tempfile::TempDir,
}

impl Stock {
    async fn new(binary: PathBuf) -> Self {
        let api = Api::new().await;
        let server = Server::start(api.router.clone(), Limits::default()).await;
        let directory = tempfile::tempdir().unwrap();
        let certificate = OriginCertificate {
            zone: api.zone_id,
            account: ACCOUNT.parse().unwrap(),
            api_token: TOKEN.to_owned(),
        };
        std::fs::write(directory.path().join("cert.pem"), certificate.encode()).unwrap();
        Self {
            binary,
            api,
            server,
            directory,
        }
    }

    async fn output(&self, command: &str) -> Output {
        let environment = [
            (
                "TUNNEL_API_URL",
                format!("http://{}/client/v4", self.server.address),
            ),
            (
                "TUNNEL_ORIGIN_CERT",
                self.directory.path().join("cert.pem").display().to_string(),
            ),
        ];
        let args: Vec<&str> = command.split(' ').collect();
        run(&self.binary, environment, &args).await
    }

    /// The id of the live tunnel of this name.
    async fn id_of(&self, name: &str) -> String {
        let path = crate::support::tunnels(&format!("?is_deleted=false&name={name}"));
        let found = self.api.get(&path).await;
        found.ids()[0].to_owned()
    }
}

#[tokio::test]
async fn the_stock_client_makes_shows_and_cleans_up_tunnels() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_makes_shows_and_cleans_up_tunnels", ABSENT);
    };
    let stock = Stock::new(binary).await;
    let file = stock.directory.path().join("shop.json");
    let create = format!("tunnel create --credentials-file {} shop", file.display());
    let mut told = stock
        .told(&[
            "tunnel list",
            &create,
            "tunnel create shop",
            "tunnel create --output json --secret AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= blog",
            "tunnel list",
            "tunnel list --name-prefix sh",
            "tunnel list --output json --exclude-name-prefix sh",
            "tunnel token shop",
            "tunnel info shop",
        ])
        .await;
    let shop = stock.id_of("shop").await;
    let token = stock.output("tunnel token shop").await.stdout;
    let token = TunnelToken::parse(&String::from_utf8(token).unwrap()).unwrap();
    let kept = adit_wire::CredentialsFile::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(token.tunnel, kept.tunnel);
    assert_eq!(token.secret.expose(), kept.secret.expose());

    stock.api.connect(&shop).await;
    told += &stock
        .told(&["tunnel list", "tunnel info shop", "tunnel cleanup shop"])
        .await;
    let asked = stock.api.edges.asked.lock().clone();
    assert!(
        matches!(
            asked[..],
            [Ask {
                question: Question::CloseConnections { connector: None, .. },
                ..
            }]
        ),
        "{asked:?}"
    );
    assert_snapshot!("stock_tunnels", stock.without_what_varies(&told));
}

#[tokio::test]
async fn the_stock_client_deletes_tunnels() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_deletes_tunnels", ABSENT);
    };
    let stock = Stock::new(binary).await;
    let blog = stock.api.create_tunnel("blog").await;
    stock.api.create_tunnel("shop").await;
    *stock.api.edges.live.lock() = 1;
    let commands = [
        "tunnel delete blog",
        "tunnel delete -f blog",
        "tunnel list",
        "tunnel list -d --output yaml",
        "tunnel delete blog",
        &format!("tunnel delete {blog}"),
        &format!("tunnel token {blog}"),
        &format!("tunnel info {blog}"),
        "tunnel delete shop",
        "tunnel delete f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
    ];
    assert_snapshot!("stock_deletion", stock.transcript(&commands).await);
}

#[tokio::test]
async fn the_stock_client_gets_management_tokens() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_gets_management_tokens", ABSENT);
    };
    let stock = Stock::new(binary).await;
    let id = stock.api.create_tunnel("shop").await;
    for resource in ManagementResource::ALL {
        let command = format!("management token --resource {resource} {id}");
        let printed: Value = serde_json::from_slice(&stock.output(&command).await.stdout).unwrap();
        let now = Timestamp::from(SystemTime::now());
        let claims = stock
            .api
            .verifier()
            .verify(printed["token"].as_str().unwrap(), resource, now)
            .unwrap();
        assert_eq!(
            (claims.tunnel.tunnel.to_string(), claims.resources),
            (id.clone(), vec![resource])
        );
    }
    let commands = [
        &format!("management token --resource logs {id}"),
        &format!("management token --resource nonsense {id}"),
        "management token --resource logs f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
    ];
    assert_snapshot!("stock_management_tokens", stock.transcript(&commands).await);
}

#[tokio::test]
async fn the_stock_client_routes_names() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_routes_names", ABSENT);
    };
    let stock = Stock::new(binary).await;
    stock.api.create_tunnel("blog").await;
    stock.api.create_tunnel("shop").await;
    let commands = [
        "tunnel route dns blog www.example.com",
        "tunnel route dns blog www",
        "tunnel route dns shop www",
        "tunnel route dns --overwrite-dns shop www",
        "tunnel route dns blog *.example.com",
        "tunnel route dns blog www.elsewhere.example",
        "tunnel route dns shop management.example.com",
        "tunnel route dns nobody shop.example.com",
        "tunnel route lb shop www pool",
        "tunnel route lb shop lb.example.com pool",
        "tunnel route lb shop lb pool",
        "tunnel route lb blog lb pool",
        "tunnel route lb blog lb other",
        "tunnel route lb shop *.lb pool",
        "tunnel route lb nobody lb pool",
        "tunnel route dns blog lb",
        // Whose tunnel is gone, that name is free.
        "tunnel delete -f shop",
        "tunnel route dns blog www",
    ];
    assert_snapshot!("stock_route_dns", stock.transcript(&commands).await);
}

#[tokio::test]
async fn the_stock_client_says_what_is_wrong() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_says_what_is_wrong", ABSENT);
    };
    let stock = Stock::new(binary).await;
    let commands = [
        "tunnel token f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
        "tunnel info f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
        "tunnel cleanup nobody",
        "tunnel list",
    ];
    let mut told = stock.told(&commands[..3]).await;
    let file = stock.directory.path().join("cert.pem");
    let other = OriginCertificate {
        zone: stock.api.zone_id,
        account: ACCOUNT.parse().unwrap(),
        api_token: "x".repeat(40),
    };
    std::fs::write(file, other.encode()).unwrap();
    told += &stock.told(&commands).await;
    assert_snapshot!("stock_failures", stock.without_what_varies(&told));
}
