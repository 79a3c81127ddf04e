//! The OpenAPI document and the router tell of the same calls. That each answer is one that the document tells of is
//! checked wherever a test sends a request.

use axum::body::Body;
use http::Method;
use serde_json::Value;

use crate::support::{ACCOUNT, Api, Contract, NOBODY, request};

/// A path with something in its variable parts that has their form.
fn filled(contract: &Contract, path: &str) -> String {
    let mut filled = path.to_owned();
    for parameter in contract.path_parameters(path) {
        let schema = contract.resolve(&parameter["schema"]);
        let value = match (schema["pattern"].as_str(), schema["format"].as_str()) {
            (Some(_), _) => ACCOUNT,
            (_, Some("uuid")) => NOBODY,
            _ => "x",
        };
        let name = parameter["name"].as_str().unwrap();
        filled = filled.replace(&format!("{{{name}}}"), value);
    }
    filled
}

#[tokio::test]
async fn every_documented_call_is_routed_and_other_methods_are_not() {
    let (api, contract) = (Api::new().await, Contract::get());
    let documented: Vec<(Method, String)> = contract
        .calls()
        .map(|(method, path, _)| (method, filled(contract, path)))
        .collect();
    for (_, path) in &documented {
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            let answer = api
                .send(request(method.clone(), path).body(Body::empty()).unwrap())
                .await;
            let codes = answer.body["errors"].as_array().map_or(&[][..], Vec::as_slice);
            let codes: Vec<u64> = codes.iter().filter_map(|error| error["code"].as_u64()).collect();
            let is_routed = !codes.contains(&7000) && !codes.contains(&10_001);
            let is_documented = documented.contains(&(method.clone(), path.clone()));
            assert_eq!(is_routed, is_documented, "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn the_document_is_served_without_a_credential() {
    let api = Api::new().await;
    let plain = http::Request::get("/client/v4/openapi.json").body(Body::empty());
    let answer = api.send(plain.unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let made: Value = serde_json::from_slice(&adit_api::openapi()).unwrap();
    assert_eq!(answer.body, made);
    assert_eq!(made["openapi"], "3.1.0");
}
