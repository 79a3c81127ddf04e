//! Who carries a site's traffic, from beside the server. The replicas here hold sessions and touch no host.

use std::sync::Arc;

use adit_mesh::control::client::{Acks, Client, ClientConfig, ClientState, Faring, HeldLease};
use adit_model::{ConnectorId, PeerKey};
use adit_net::{mesh::MeshDialer, tls::TrustAnchors};
use adit_testing::{client, netns::absent_program, skip, wait_for};
use adit_wire::{
    TunnelToken,
    mesh::{ConfigAck, HostInfo, IdentityPair, RoleAck},
};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use crate::support::{Adit, Outcome};

/// The vendor's page about the call has this line.
const CURL: &str = r#"curl https://api.cloudflare.com/client/v4/accounts/$ACCOUNT_ID/warp_connector/$TUNNEL_ID/failover \
    -X PUT \
    -H 'Content-Type: application/json' \
    -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" \
    -d '{
          "client_id": "1bedc50d-42b3-473c-b108-ff3d10c0d925"
        }'"#;

/// A site and whoever asks for it.
struct Site {
    adit: Adit,
    id: String,
    account: String,
    api_token: String,
    token: TunnelToken,
}

/// A replica that does what it is told, but nothing to its host.
struct Replica {
    id: ConnectorId,
    client: Client,
    _doing: JoinSet<()>,
}

impl Site {
    async fn make(name: &str, ha: bool) -> Self {
        let adit = Adit::start(&["--no-demo"]).await;
        let variables = adit.variables().await;
        let value = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| name == wanted);
            found.unwrap().1.trim_matches('\'').to_owned()
        };
        let (account, api_token) = (value("CLOUDFLARE_ACCOUNT_ID"), value("CLOUDFLARE_API_TOKEN"));
        let request = Request::post(format!("/client/v4/accounts/{account}/warp_connector"))
            .header("host", "localhost")
            .header("authorization", format!("Bearer {api_token}"))
            .body(Full::new(Bytes::from(
                json!({"name": name, "ha": ha}).to_string(),
            )))
            .unwrap();
        let (_, mut answer) = client::send(adit.listener("api"), request).await.unwrap();
        let made: Value = serde_json::from_slice(&answer.read().await.unwrap()).unwrap();
        assert_eq!(made["success"], true, "{made}");
        let text = |field: &str| made["result"][field].as_str().unwrap().to_owned();
        Self {
            id: text("id"),
            token: TunnelToken::parse(&text("token")).unwrap(),
            account,
            api_token,
            adit,
        }
    }

    fn join(&self, name: &str) -> Replica {
        let id = ConnectorId::random();
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(id.as_bytes());
        let ca = std::fs::read(self.adit.dir().join("ca.pem")).unwrap();
        let (_, keys) = watch::channel(PeerKey::from_bytes(seed).into());
        let client = Client::start(ClientConfig {
            edges: vec![self.adit.listener("edge").to_string()],
            dialer: MeshDialer::new(&TrustAnchors::from_pem(&ca).unwrap(), None).unwrap(),
            site: self.token.tunnel,
            secret: Some(self.token.secret.digest()),
            replica: id,
            identity: IdentityPair::from_seed(&seed).unwrap(),
            keys,
            enrolled: false,
            host: HostInfo {
                hostname: name.to_owned(),
                ..HostInfo::default()
            },
            report: Arc::new(Faring::default),
        });
        let mut doing = JoinSet::new();
        doing.spawn(obey(client.state(), client.lease(), client.acks()));
        Replica {
            id,
            client,
            _doing: doing,
        }
    }

    async fn mesh(&self, words: &[&str]) -> Outcome {
        self.adit.command(&[&["mesh"], words].concat()).await
    }

    async fn done(&self, words: &[&str]) -> String {
        let outcome = self.mesh(words).await;
        assert_eq!(outcome.code, Some(0), "{words:?}: {outcome:?}");
        outcome.stdout
    }

    async fn json(&self, words: &[&str]) -> Value {
        let text = self.done(&[words, &["--output", "json"]].concat()).await;
        serde_json::from_str(&text).unwrap()
    }

    /// What a command that fails says.
    async fn complaint(&self, words: &[&str]) -> String {
        let outcome = self.mesh(words).await;
        assert_eq!(outcome.code, Some(1), "{words:?}: {outcome:?}");
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
        outcome.stderr
    }

    /// Ids and how they stand, the active one first.
    async fn standing(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let replicas = self.json(&["replicas", "office"]).await;
        let replicas = replicas.as_array().unwrap().iter();
        replicas
            .map(|one| (text(&one["id"]), text(&one["ha_status"])))
            .collect()
    }

    async fn until(&self, expected: &[(ConnectorId, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(id, status)| (id.to_string(), (*status).to_owned()))
            .collect();
        wait_for(&format!("{expected:?}"), async || {
            self.standing().await == expected
        })
        .await;
    }

    /// Runs the vendor's line with ids that exist.
    async fn curl(&self, replica: ConnectorId) -> Value {
        let line = CURL
            .replace(
                "https://api.cloudflare.com",
                &format!("http://{}", self.adit.listener("api")),
            )
            .replace("1bedc50d-42b3-473c-b108-ff3d10c0d925", &replica.to_string());
        let output = tokio::process::Command::new("sh")
            .args(["-c", &line])
            .env("ACCOUNT_ID", &self.account)
            .env("TUNNEL_ID", &self.id)
            .env("CLOUDFLARE_API_TOKEN", &self.api_token)
            .output();
        serde_json::from_slice(&output.await.unwrap().stdout).unwrap()
    }
}

async fn obey(
    mut state: watch::Receiver<ClientState>,
    mut lease: watch::Receiver<Option<HeldLease>>,
    acks: Acks,
) {
    let (mut version, mut had) = (None, None);
    loop {
        let changed = tokio::select! {
            changed = state.changed() => changed,
            changed = lease.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        let config = state.borrow_and_update().config.clone();
        if let Some(newest) = config.map(|config| config.version)
            && version.replace(newest) != Some(newest)
        {
            acks.configuration(ConfigAck {
                version: newest,
                applied: true,
                errors: Vec::new(),
            });
        }
        let held = *lease.borrow_and_update();
        if let Some(HeldLease { epoch, role, .. }) = held
            && had.replace((epoch, role)) != Some((epoch, role))
        {
            acks.role(RoleAck {
                epoch,
                role,
                errors: Vec::new(),
            });
        }
    }
}

#[tokio::test]
async fn the_line_of_the_vendors_page_moves_a_site_to_its_other_replica() {
    const TEST: &str = "the_line_of_the_vendors_page_moves_a_site_to_its_other_replica";
    if let Some(reason) = absent_program("curl") {
        return skip(TEST, &reason);
    }
    let site = Site::make("office", true).await;
    let first = site.join("gate-1");
    site.until(&[(first.id, "active")]).await;
    let second = site.join("gate-2");
    site.until(&[(first.id, "active"), (second.id, "passive")]).await;

    let moved = json!({"success": true, "errors": [], "messages": [], "result": {}});
    assert_eq!(site.curl(second.id).await, moved);
    let now = [
        (second.id.to_string(), "active".to_owned()),
        (first.id.to_string(), "passive".to_owned()),
    ];
    assert_eq!(site.standing().await, now, "as soon as it is answered");
    assert_eq!(site.curl(second.id).await, moved, "nothing is left to do");
    let events = site.json(&["events", "office"]).await;
    let newest = &events[0];
    assert_eq!(newest["cause"], "manual");
    assert_eq!(
        (&newest["from"], &newest["to"]),
        (&json!(first.id), &json!(second.id))
    );
    assert_eq!(events[1]["cause"], "first");
    assert_eq!(events.as_array().unwrap().len(), 2);

    let beginning = &first.id.to_string()[..8];
    let told = site.done(&["failover", "office", beginning]).await;
    assert!(
        told.starts_with(&format!("{} carries the traffic of office now", first.id)),
        "{told}"
    );
    site.until(&[(first.id, "active"), (second.id, "passive")]).await;
    let newest = site.done(&["events", "office", "--last", "1"]).await;
    assert_eq!(newest.lines().count(), 2, "{newest}");
    assert!(newest.contains("manual"), "{newest}");

    site.done(&["failover", "office", "gate-2"]).await;
    site.done(&["failover", "office", "gate-1"]).await;
    let gone = second.id.to_string();
    second.client.stop("test").await;
    site.until(&[(first.id, "active"), (second.id, "offline")]).await;
    let told = site.complaint(&["failover", "office", &gone]).await;
    assert!(
        told.contains("code 1061") && told.contains("`adit mesh status` on its host"),
        "{told}"
    );
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told_what_to_type() {
    let site = Site::make("office", false).await;
    let none = site.done(&["replicas", "office"]).await;
    assert!(none.contains("`adit mesh up`"), "{none}");
    assert_eq!(site.json(&["replicas", "office"]).await, json!([]));
    assert!(
        site.done(&["events", "office"])
            .await
            .contains("Nobody has been active")
    );
    assert_eq!(site.json(&["events", &site.id]).await, json!([]));
    for command in [
        &["replicas", "offic"][..],
        &["events", "offic"],
        &["failover", "offic", "1"],
    ] {
        let told = site.complaint(command).await;
        assert!(
            told.contains("no site \"offic\"") && told.contains("one of these: office"),
            "{told}"
        );
    }
    let told = site.complaint(&["failover", "office", "1be"]).await;
    assert!(
        told.contains("no replica has joined the site \"office\" yet"),
        "{told}"
    );
    let stranger = "1bedc50d-42b3-473c-b108-ff3d10c0d925";
    let told = site.complaint(&["failover", "office", stranger]).await;
    assert!(told.contains("Connector not found (code 1003)"), "{told}");
    assert!(
        told.contains("`adit mesh replicas office` shows who has joined"),
        "{told}"
    );

    let replica = site.join("gate-1");
    site.until(&[(replica.id, "active")]).await;
    let whom = replica.id.to_string();
    let shown = site.done(&["replicas", "office"]).await;
    assert!(
        shown.contains(&format!("{whom} gate-1 active")) && shown.contains("127.0.0.1"),
        "{shown}"
    );
    let told = site.complaint(&["failover", "office", &whom]).await;
    assert!(told.contains("code 1060") && told.contains("ha_mode"), "{told}");
    let usage = site.mesh(&["replicas", "office", "--output", "xml"]).await;
    assert_eq!(usage.code, Some(2), "{usage:?}");
    replica.client.stop("test").await;
}
