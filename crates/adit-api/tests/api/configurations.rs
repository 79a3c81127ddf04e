//! Remote configurations of tunnels.

use std::time::SystemTime;

use adit_core::{
    port::{ConnectorConfigured, LocallyConfigured, Presence, PresenceEvent},
    rollout::{Refused, Standing},
};
use adit_model::{ConfigVersion, ConnectorId};
use adit_testing::wait_for;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Api, NOBODY, tunnels};

fn path(tunnel: &str) -> String {
    tunnels(&format!("/{tunnel}/configurations"))
}

fn config(rules: Value) -> Value {
    json!({"config": {"ingress": rules}})
}

#[tokio::test]
async fn a_tunnel_without_a_configuration_has_version_0_of_it() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    assert_json_snapshot!("configuration_none", api.get(&path(&id)).await.whole());
}

#[tokio::test]
async fn a_configuration_is_replaced_whole_and_makes_the_tunnel_remotely_managed() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    let first = json!({"config": {
        "ingress": [
            {"hostname": "a.example.com", "path": "^/x", "service": "http://localhost:80",
             "originRequest": {"connectTimeout": 5, "unknownSetting": {"b": 1, "a": [1.50]}}},
            {"service": "http_status:404"},
        ],
        "originRequest": {"noTLSVerify": true},
        "unknown": "kept",
    }});
    assert_json_snapshot!("configuration_set", api.put(&path(&id), first).await.whole());
    assert_json_snapshot!("configuration_get", api.get(&path(&id)).await.whole());
    let tunnel = api.get(&tunnels(&format!("/{id}"))).await;
    assert_eq!(tunnel.result()["config_src"], "cloudflare");
    assert_eq!(tunnel.result()["remote_config"], true);

    let second =
        json!({"config": {"ingress": [{"service": "hello_world"}], "warp-routing": {"enabled": true}}});
    let set = api.put(&path(&id), second).await;
    assert_eq!(set.result()["version"], 2);
    assert_eq!(
        set.result()["config"],
        json!({"ingress": [{"service": "hello_world", "hostname": ""}], "warp-routing": {"enabled": true}})
    );
}

#[tokio::test]
async fn what_no_connector_could_run_is_refused_in_the_words_of_cloudflared() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    assert_json_snapshot!(
        "configuration_empty",
        api.put(&path(&id), json!({})).await.whole()
    );
    let last = json!({"service": "http_status:404"});
    let to = |service: &str| config(json!([{"service": service}]));
    let with = |settings: Value| config(json!([{"service": "http://a", "originRequest": settings}]));
    let cases = [
        (
            config(json!([])),
            "The config file doesn't contain any ingress rules",
        ),
        (
            json!({"config": null}),
            "The config file doesn't contain any ingress rules",
        ),
        (
            config(json!([{"hostname": "a.example", "service": "http://a"}])),
            "The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)",
        ),
        (
            config(json!([{"path": "/a", "service": "http://a"}])),
            "The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)",
        ),
        (
            config(json!([last, last])),
            "Rule #1 is matching the hostname '', but this will match every hostname, meaning the rules which follow it will never be triggered.",
        ),
        (
            config(json!([{"hostname": "a.*.example", "service": "http://a"}, last])),
            r#"Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, e.g. "*.example.com""#,
        ),
        (
            config(json!([{"hostname": "*.*.example", "service": "http://a"}, last])),
            r#"Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, e.g. "*.example.com""#,
        ),
        (
            config(json!([{"hostname": "a.example:80", "service": "http://a"}, last])),
            "Hostname cannot contain a port",
        ),
        (
            to("localhost:80"),
            "localhost:80 is an invalid address, please make sure it has a scheme and a hostname",
        ),
        (
            to("http://"),
            "http:// is an invalid address, please make sure it has a scheme and a hostname",
        ),
        (
            to("http://a/b"),
            "http://a/b is an invalid address, ingress rules don't support proxying to a different path on the origin service. The path will be the same as the eyeball request's path",
        ),
        (
            to("http://a:80 "),
            r#"parse "http://a:80 ": invalid port ":80 " after host"#,
        ),
        (to("http_status:1000"), "invalid HTTP status code: 1000"),
        (
            config(json!([{"path": "(", "service": "http://a"}, last])),
            "Rule #1 has an invalid regex: error parsing regexp: unclosed group: `(`",
        ),
        (
            with(json!({"access": {"required": true, "audTag": ["x"]}})),
            "access.TeamName cannot be blank when access.audTags are present",
        ),
    ];
    for (body, says) in cases {
        let answer = api.put(&path(&id), body.clone()).await;
        assert_eq!(answer.failure(), (400, 1056), "{body}");
        assert_eq!(
            answer.message(),
            format!("Bad Configuration: Validation failed: {says}\n"),
            "{body}"
        );
    }
    for wrong in [
        with(json!({"connectTimeout": "30s"})),
        with(json!({"connectTimeout": 1.5})),
        with(json!({"noTLSVerify": "yes"})),
        with(json!({"proxyPort": "1"})),
        config(json!({})),
        json!({"config": []}),
        json!({"config": "x"}),
    ] {
        assert_eq!(
            api.put(&path(&id), wrong.clone()).await.failure(),
            (400, 1056),
            "{wrong}"
        );
    }
    assert_eq!(api.get(&path(&id)).await.result()["version"], 0);
}

#[tokio::test]
async fn a_deleted_tunnel_has_no_configuration() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    api.delete(&tunnels(&format!("/{id}"))).await.result();
    let body = config(json!([{"service": "hello_world"}]));
    assert_json_snapshot!("configuration_deleted", api.get(&path(&id)).await.whole());
    assert_eq!(api.put(&path(&id), body.clone()).await.failure(), (404, 1055));
    assert_json_snapshot!("configuration_unknown", api.get(&path(NOBODY)).await.whole());
    assert_eq!(api.put(&path(NOBODY), body).await.failure(), (404, 1003));
}

fn status(tunnel: &str) -> String {
    format!("/accounts/{ACCOUNT}/adit/tunnels/{tunnel}/configuration_status")
}

/// An edge reports what the only connector of a tunnel answered.
async fn answered(api: &Api, tunnel: &str, running: i32, refused: Option<(i32, &str)>) {
    let listed = api.get(&tunnels(&format!("/{tunnel}/connections"))).await;
    let connector = listed.result()[0]["id"].as_str().unwrap().parse().unwrap();
    let refused = refused.map(|(version, sentence)| Refused {
        version: ConfigVersion(version),
        sentence: sentence.to_owned(),
    });
    let standing = Standing {
        running: (running > 0).then_some(ConfigVersion(running)),
        refused,
    };
    api.store.report(PresenceEvent::Configured(ConnectorConfigured {
        tunnel: api.key(tunnel),
        connector,
        standing,
        at: SystemTime::now().into(),
    }));
}

#[tokio::test]
async fn the_status_tells_what_each_connector_runs_and_refused() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    assert_json_snapshot!("configuration_status_none", api.get(&status(&id)).await.whole());
    let connector = tunnels(&format!("/{id}/connections"));
    api.connect(&id).await;
    assert_eq!(api.get(&connector).await.result()[0].get("config_version"), None);
    for _ in 0..2 {
        api.put(&path(&id), config(json!([{"service": "hello_world"}])))
            .await
            .result();
    }
    answered(&api, &id, 1, Some((2, "Rule #1 has \"no\" service"))).await;
    wait_for("the answer", async || {
        !api.get(&status(&id)).await.result()["connectors"][0]["refused"].is_null()
    })
    .await;
    assert_json_snapshot!("configuration_status", api.get(&status(&id)).await.whole());
    assert_eq!(api.get(&connector).await.result()[0]["config_version"], 1);

    answered(&api, &id, 2, None).await;
    wait_for("the newer version", async || {
        api.get(&connector).await.result()[0]["config_version"] == 2
    })
    .await;
    let shown = api.get(&status(&id)).await;
    assert_eq!(shown.result()["connectors"][0]["refused"], Value::Null);

    api.delete(&tunnels(&format!("/{id}?cascade=true")))
        .await
        .result();
    assert_json_snapshot!(
        "configuration_status_deleted",
        api.get(&status(&id)).await.whole()
    );
    assert_json_snapshot!(
        "configuration_status_unknown",
        api.get(&status(NOBODY)).await.whole()
    );
}

#[tokio::test]
async fn a_locally_managed_tunnel_shows_what_its_connector_told() {
    let api = Api::new().await;
    let id = api.create_tunnel("blog").await;
    api.connect(&id).await;
    let config =
        r#"{"__configuration_flags":{"protocol":"quic"},"ingress":[{"service":"http://localhost:80"}]}"#;
    api.store
        .report(PresenceEvent::LocallyConfigured(LocallyConfigured {
            tunnel: api.key(&id),
            connector: ConnectorId::random(),
            config: config.to_owned(),
            at: SystemTime::now().into(),
        }));
    wait_for("the configuration", async || {
        !api.get(&path(&id)).await.result()["config"].is_null()
    })
    .await;
    assert_json_snapshot!("configuration_local", api.get(&path(&id)).await.whole());
}
