//! The stock command line against the API.

mod networks;

use std::{path::PathBuf, process::Output, time::SystemTime};

use adit_api::Limits;
use adit_model::Timestamp;
use adit_testing::{
    cloudflared::{ABSENT, binary, run},
    skip,
};
use adit_wire::{OriginCertificate, TunnelToken, management_token::ManagementResource};
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

    /// What a command prints that must succeed.
    async fn run(&self, command: &str) -> String {
        let output = self.output(command).await;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{command}: {out}{err}");
        format!("{out}{err}")
    }

    /// What a command prints that must fail.
    async fn fail(&self, command: &str) -> String {
        let output = self.output(command).await;
        assert!(!output.status.success(), "{command}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

#[tokio::test]
async fn the_stock_client_manages_tunnels() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_manages_tunnels", ABSENT);
    };
    let stock = Stock::new(binary).await;
    let file = stock.directory.path().join("shop.json");
    let created = stock
        .run(&format!(
            "tunnel create --credentials-file {} shop",
            file.display()
        ))
        .await;
    assert!(created.contains("Created tunnel shop with id "), "{created}");
    let listed: Value = serde_json::from_str(&stock.run("tunnel list --output json").await).unwrap();
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["name"]),
        (1, &Value::from("shop"))
    );

    let token = TunnelToken::parse(&stock.run("tunnel token shop").await).unwrap();
    let kept = adit_wire::CredentialsFile::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(token.tunnel, kept.tunnel);
    assert_eq!(token.secret.expose(), kept.secret.expose());

    let again = stock.fail("tunnel create shop").await;
    assert!(again.contains("tunnel with name already exists"), "{again}");
    stock.api.connect(id).await;
    let info = stock.run("tunnel info shop").await;
    assert!(info.contains("2026.8.2") && info.contains("2xlocal01"), "{info}");
    assert!(stock.run("tunnel list").await.contains("2xlocal01"));
    stock.run("tunnel cleanup shop").await;

    *stock.api.edges.live.lock() = 1;
    let refused = stock.fail("tunnel delete shop").await;
    assert!(
        refused.contains("1022") && refused.contains("active connections"),
        "{refused}"
    );
    stock.run("tunnel delete -f shop").await;
    assert!(!stock.run("tunnel list").await.contains("shop"));
    assert!(stock.run("tunnel list -d").await.contains("shop"));
    let gone = stock.fail("tunnel token shop").await;
    assert!(gone.contains("shop"), "{gone}");
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
}

#[tokio::test]
async fn the_stock_client_routes_names() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_routes_names", ABSENT);
    };
    let stock = Stock::new(binary).await;
    let (blog, shop) = (
        stock.api.create_tunnel("blog").await,
        stock.api.create_tunnel("shop").await,
    );
    let added = stock.run("tunnel route dns blog www.example.com").await;
    assert!(
        added.contains(&format!(
            "Added CNAME www.example.com which will route to this tunnel tunnelID={blog}"
        )),
        "{added}"
    );
    let same = stock.run("tunnel route dns blog www").await;
    assert!(
        same.contains("www.example.com is already configured to route to your tunnel"),
        "{same}"
    );
    let taken = stock.fail("tunnel route dns shop www").await;
    assert!(
        taken.contains("code: 1003, reason: An A, AAAA, or CNAME record with that host already exists"),
        "{taken}"
    );
    let moved = stock.run("tunnel route dns --overwrite-dns shop www").await;
    assert!(moved.contains(&shop), "{moved}");
    let reserved = stock.fail("tunnel route dns shop management.example.com").await;
    assert!(
        reserved.contains("code: 1004") && reserved.contains("reserved"),
        "{reserved}"
    );
    let lb = stock.fail("tunnel route lb shop www pool").await;
    assert!(lb.contains("not in this version"), "{lb}");
}

#[tokio::test]
async fn the_stock_client_says_what_is_wrong() {
    let Some(binary) = binary() else {
        return skip("the_stock_client_says_what_is_wrong", ABSENT);
    };
    let stock = Stock::new(binary).await;
    let unknown = "tunnel token f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";
    let missing = stock.fail(unknown).await;
    assert!(
        missing.contains("code: 1003, reason: Tunnel not found"),
        "{missing}"
    );
    let file = stock.directory.path().join("cert.pem");
    let other = OriginCertificate {
        zone: stock.api.zone_id,
        account: ACCOUNT.parse().unwrap(),
        api_token: "x".repeat(40),
    };
    std::fs::write(file, other.encode()).unwrap();
    let refused = stock.fail(unknown).await;
    assert!(
        refused.contains("code: 9109, reason: Invalid access token"),
        "{refused}"
    );
}
