//! Whose credential reaches what.

use axum::body::Body;
use http::{Method, Request};
use insta::assert_json_snapshot;

use crate::support::{ACCOUNT, Answer, Api, EMAIL, KEY, NOBODY, OTHER_ACCOUNT, OTHER_TOKEN, TOKEN};

type Headers<'a> = &'a [(&'a str, &'a str)];

const USER: Headers<'static> = &[("x-auth-email", EMAIL), ("x-auth-key", KEY)];

async fn ask(api: &Api, path: &str, headers: Headers<'_>) -> Answer {
    let mut request = Request::get(format!("/client/v4{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_missing_or_wrong_credential_is_refused_as_the_v4_api_does() {
    let api = Api::new().await;
    let path = format!("/accounts/{ACCOUNT}/cfd_tunnel");
    assert_json_snapshot!("auth_none", ask(&api, &path, &[]).await.whole());
    assert_json_snapshot!(
        "auth_malformed",
        ask(&api, &path, &[("authorization", "Basic eA==")]).await.whole()
    );
    assert_json_snapshot!(
        "auth_unknown_token",
        ask(
            &api,
            &path,
            &[("authorization", "Bearer unknownTokenOf40Characters-0123456789ab")]
        )
        .await
        .whole()
    );
    let wrong_key: Headers<'_> = &[
        ("x-auth-email", EMAIL),
        ("x-auth-key", "0123456789abcdef0123456789abcdef01234"),
    ];
    assert_json_snapshot!("auth_unknown_key", ask(&api, &path, wrong_key).await.whole());
    assert_json_snapshot!(
        "auth_foreign_account",
        ask(
            &api,
            &path,
            &[("authorization", &format!("Bearer {OTHER_TOKEN}"))]
        )
        .await
        .whole()
    );
    let bad_email: Headers<'_> = &[("x-auth-email", "nobody"), ("x-auth-key", KEY)];
    assert_eq!(
        ask(&api, &path, bad_email).await.body["errors"][0]["error_chain"][0]["code"],
        6102
    );
    let bad_key: Headers<'_> = &[("x-auth-email", EMAIL), ("x-auth-key", "a b")];
    assert_eq!(
        ask(&api, &path, bad_key).await.body["errors"][0]["error_chain"][0]["code"],
        6103
    );
}

#[tokio::test]
async fn a_token_of_another_account_reaches_nothing() {
    let api = Api::new().await;
    let tunnel = api.create_tunnel("blog").await;
    for (method, path) in [
        (Method::GET, format!("/accounts/{ACCOUNT}/cfd_tunnel")),
        (Method::POST, format!("/accounts/{ACCOUNT}/cfd_tunnel")),
        (Method::GET, format!("/accounts/{ACCOUNT}/tunnels")),
        (Method::GET, format!("/accounts/{ACCOUNT}/cfd_tunnel/{tunnel}")),
        (Method::DELETE, format!("/accounts/{ACCOUNT}/cfd_tunnel/{tunnel}")),
        (
            Method::GET,
            format!("/accounts/{ACCOUNT}/cfd_tunnel/{tunnel}/token"),
        ),
        (
            Method::GET,
            format!("/accounts/{ACCOUNT}/cfd_tunnel/{tunnel}/connections"),
        ),
        (
            Method::DELETE,
            format!("/accounts/{ACCOUNT}/cfd_tunnel/{tunnel}/connections"),
        ),
        (
            Method::GET,
            format!("/accounts/{ACCOUNT}/cfd_tunnel/{tunnel}/connectors/{NOBODY}"),
        ),
        (Method::GET, api.zone("")),
        (Method::PUT, api.zone(&format!("/tunnels/{tunnel}/routes"))),
        (Method::GET, api.zone("/dns_records")),
        (Method::POST, api.zone("/dns_records")),
        (Method::GET, api.zone(&format!("/dns_records/{ACCOUNT}"))),
        (Method::PUT, api.zone(&format!("/dns_records/{ACCOUNT}"))),
        (Method::PATCH, api.zone(&format!("/dns_records/{ACCOUNT}"))),
        (Method::DELETE, api.zone(&format!("/dns_records/{ACCOUNT}"))),
        // Nor does it learn whether there is such an account or zone.
        (Method::GET, format!("/accounts/{}/cfd_tunnel", api.zone_id)),
        (Method::GET, format!("/zones/{ACCOUNT}")),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(format!("/client/v4{path}"))
            .header("authorization", format!("Bearer {OTHER_TOKEN}"));
        let answer = api.send(request.body(Body::from("nonsense")).unwrap()).await;
        assert_eq!(answer.failure(), (403, 10_000), "{method} {path}");
    }
    let zones = ask(
        &api,
        "/zones",
        &[("authorization", &format!("Bearer {OTHER_TOKEN}"))],
    )
    .await;
    assert_eq!(zones.ids(), [api.other_zone_id.to_string()]);
}

#[tokio::test]
async fn a_user_acts_in_every_account_there_is() {
    let api = Api::new().await;
    for account in [ACCOUNT, OTHER_ACCOUNT] {
        ask(&api, &format!("/accounts/{account}/cfd_tunnel"), USER)
            .await
            .result();
    }
    assert_eq!(
        ask(&api, "/zones", USER).await.result().as_array().unwrap().len(),
        2
    );
    assert_eq!(
        ask(&api, &format!("/accounts/{}/cfd_tunnel", api.zone_id), USER)
            .await
            .failure(),
        (404, 7003)
    );
    assert_eq!(
        ask(&api, &format!("/zones/{ACCOUNT}"), USER).await.failure(),
        (404, 7003)
    );
}

#[tokio::test]
async fn a_token_is_verified() {
    let api = Api::new().await;
    let mine = format!("Bearer {TOKEN}");
    let of_account = format!("/accounts/{ACCOUNT}/tokens/verify");
    assert_json_snapshot!(
        "verify",
        ask(&api, "/user/tokens/verify", &[("authorization", &mine)])
            .await
            .whole()
    );
    ask(&api, &of_account, &[("authorization", &mine)]).await.result();

    let unknown: Headers<'_> = &[("authorization", "Bearer unknown")];
    assert_json_snapshot!(
        "verify_unknown",
        ask(&api, "/user/tokens/verify", unknown).await.whole()
    );
    let other = format!("Bearer {OTHER_TOKEN}");
    for (path, headers) in [
        (&*of_account, unknown),
        (&of_account, &[("authorization", &*other)] as Headers<'_>),
        ("/user/tokens/verify", USER),
    ] {
        assert_eq!(ask(&api, path, headers).await.failure(), (401, 1000), "{path}");
    }
    assert_eq!(ask(&api, "/user/tokens/verify", &[]).await.failure(), (400, 9106));
    let malformed: Headers<'_> = &[("authorization", "Bearer a b")];
    assert_eq!(
        ask(&api, "/user/tokens/verify", malformed).await.failure(),
        (400, 6003)
    );
}
