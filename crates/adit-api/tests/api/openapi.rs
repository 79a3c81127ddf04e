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

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
const TABLE: [&str; 2] = ["<!-- calls -->\n", "<!-- /calls -->\n"];

/// Every call, in tables by what they are about.
fn table(contract: &Contract) -> String {
    let mut families = Vec::<(&str, String)>::new();
    for (method, path, operation) in contract.calls() {
        let family = operation["tags"][0].as_str().unwrap();
        let groups = operation["x-permission-groups"].as_array();
        let access = match (groups, operation["x-operator-only"] == true) {
            (Some(groups), _) => {
                let names: Vec<&str> = groups.iter().map(|group| group.as_str().unwrap()).collect();
                names.join(", ")
            }
            (None, true) => "operator".to_owned(),
            (None, false) if operation["security"].as_array().unwrap().is_empty() => "public".to_owned(),
            (None, false) => "anyone".to_owned(),
        };
        let summary = operation["summary"].as_str().unwrap();
        let line = format!("| `{method} {path}` | {summary} | {access} |\n");
        match families.iter_mut().find(|(known, _)| *known == family) {
            Some((_, lines)) => lines.push_str(&line),
            None => families.push((family, line)),
        }
    }
    let tables = families.iter().map(|(family, lines)| {
        format!("\n### {family}\n\n| Call | Does | One of these groups |\n|---|---|---|\n{lines}")
    });
    tables.collect::<String>() + "\n"
}

#[test]
fn the_page_for_operators_lists_every_call() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(TABLE[0]).unwrap();
    let (_, after) = rest.split_once(TABLE[1]).unwrap();
    let fresh = [before, TABLE[0], &table(Contract::get()), TABLE[1], after].concat();
    if std::env::var_os("ADIT_GENERATE").is_some() {
        std::fs::write(PAGE, &fresh).unwrap();
    } else {
        assert!(
            fresh == page,
            "docs/api.md is stale: run this test with ADIT_GENERATE=1"
        );
    }
}
