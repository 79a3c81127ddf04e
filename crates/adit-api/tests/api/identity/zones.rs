//! Zones as objects, and what lists of zones and records are filtered by.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::support::{ACCOUNT, Api, NOBODY, OTHER_ACCOUNT};

#[tokio::test]
async fn a_zone_is_made_paused_and_deleted() {
    let api = Api::new().await;
    let made = api
        .post("/zones", json!({"name": "Shop.Example", "type": "full"}))
        .await;
    assert_json_snapshot!("zone_create", made.whole());
    let one = format!("/zones/{}", made.id());
    assert_eq!(api.patch(&one, json!({})).await.result(), made.result());
    let paused = api.patch(&one, json!({"paused": true})).await;
    assert_eq!(paused.result()["paused"], true);
    assert_eq!(api.get(&one).await.result()["paused"], true);
    assert_json_snapshot!("zone_delete", api.delete(&one).await.whole());
    assert_eq!(api.get(&one).await.failure(), (404, 7003));
}

#[tokio::test]
async fn no_two_accounts_share_a_domain() {
    let api = Api::new().await;
    let make = async |name: &str, account: &str| {
        api.post("/zones", json!({"name": name, "account": {"id": account}}))
            .await
    };
    for (name, account) in [
        ("example.org", ACCOUNT),
        ("a.example.org", ACCOUNT),
        ("org", ACCOUNT),
        ("example.com", ACCOUNT),
        ("shop.example.com", OTHER_ACCOUNT),
    ] {
        assert_eq!(make(name, account).await.failure(), (409, 1061), "{name}");
    }
    make("shop.example.com", ACCOUNT).await.result();
    assert_json_snapshot!("zone_overlap", make("example.org", ACCOUNT).await.whole());
    assert_eq!(
        make("new.example", "00000000000000000000000000000000")
            .await
            .failure(),
        (404, 1404)
    );
    assert_eq!(make("no name", ACCOUNT).await.failure(), (400, 1001));
    assert_eq!(api.post("/zones", json!({})).await.failure(), (400, 1001));
}

#[tokio::test]
async fn zones_are_found_by_parts_of_names() {
    let api = Api::new().await;
    api.post("/zones", json!({"name": "shop.example"})).await.result();
    for (query, names) in [
        ("?order=name", &["example.com", "example.org", "shop.example"][..]),
        (
            "?order=name&direction=desc",
            &["shop.example", "example.org", "example.com"],
        ),
        ("?direction=asc", &["example.com", "example.org", "shop.example"]),
        (
            "?order=name&name=starts_with:Example",
            &["example.com", "example.org"],
        ),
        ("?name=ends_with:.example", &["shop.example"]),
        ("?name=contains:ample.o", &["example.org"]),
        ("?name=contains_case_sensitive:AMPLE", &[]),
        (
            "?order=name&name=not_equal:example.com",
            &["example.org", "shop.example"],
        ),
        ("?name=contains:%25", &[]),
        ("?account.name=contains:EXAMPLE.ORG", &["example.org"]),
        ("?account.name=contains_case_sensitive:EXAMPLE.ORG", &[]),
        ("?account.name=ends_with_case_sensitive:.org", &["example.org"]),
        ("?account.name=Account%20of%20example.org", &["example.org"]),
        (
            "?order=name&match=any&name=shop.example&account.id=023e105f4ecef8ad9ca31a8372d0c353",
            &["example.org", "shop.example"],
        ),
        (
            "?match=all&name=shop.example&account.id=023e105f4ecef8ad9ca31a8372d0c353",
            &[],
        ),
        (
            "?order=account.id&status=active",
            &["example.org", "example.com", "shop.example"],
        ),
        ("?status=pending", &[]),
    ] {
        let answer = api.get(&format!("/zones{query}")).await;
        let list = answer.result().as_array().unwrap();
        let found: Vec<&str> = list.iter().map(|zone| zone["name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{query}");
        assert_eq!(answer.body["result_info"]["total_count"], names.len(), "{query}");
    }
}

#[tokio::test]
async fn records_are_found_by_what_they_say() {
    let api = Api::new().await;
    let records = api.zone("/dns_records");
    let target = format!("{NOBODY}.cfargotunnel.com");
    for body in [
        json!({"type": "CNAME", "name": "shop", "content": target, "proxied": true, "ttl": 1,
            "comment": "The 100% shop", "tags": ["team:web", "env:prod"], "settings": {"flatten_cname": true}}),
        json!({"type": "A", "name": "mail", "content": "192.0.2.1", "ttl": 300, "tags": ["team:mail", "old"]}),
        json!({"type": "AAAA", "name": "files", "content": "2001:db8::1", "ttl": 60, "comment": "files"}),
    ] {
        api.post(&records, body).await.result();
    }
    for (query, names) in [
        ("", &["files", "mail", "shop"][..]),
        ("?direction=desc", &["shop", "mail", "files"]),
        ("?order=type", &["mail", "files", "shop"]),
        ("?order=ttl&direction=desc", &["mail", "files", "shop"]),
        ("?order=proxied&direction=desc", &["shop", "files", "mail"]),
        ("?name.contains=AI", &["mail"]),
        ("?name.startswith=s&name.endswith=.com", &["shop"]),
        ("?name.exact=shop.example.com", &["shop"]),
        ("?content.contains=db8", &["files"]),
        ("?content.endswith=cfargotunnel.com", &["shop"]),
        ("?comment.present", &["files", "mail", "shop"]),
        ("?comment.present=true", &["files", "shop"]),
        ("?comment.absent=true", &["mail"]),
        ("?comment.exact=FILES", &["files"]),
        ("?comment.contains=100%25", &["shop"]),
        ("?comment.startswith=the", &["shop"]),
        ("?tag.present=team", &["mail", "shop"]),
        ("?tag.absent=team", &["files"]),
        ("?tag.exact=team:web", &["shop"]),
        ("?tag=team:mail", &["mail"]),
        ("?tag.contains=team:ai", &["mail"]),
        ("?tag.contains=team:ro", &[]),
        ("?tag.endswith=env:od", &["shop"]),
        ("?tag.present=old&tag.present=env", &[]),
        (
            "?tag.present=old&tag.present=env&tag_match=any",
            &["mail", "shop"],
        ),
        ("?search=web", &["shop"]),
        ("?search=192.0.2", &["mail"]),
        ("?match=any&type=A&comment=files", &["files", "mail"]),
        ("?match=all&type=A&comment=files", &[]),
        ("?type=MX", &[]),
    ] {
        let answer = api.get(&format!("{records}{query}")).await;
        let list = answer.result().as_array().unwrap();
        let name = |record: &serde_json::Value| {
            record["name"]
                .as_str()
                .unwrap()
                .trim_end_matches(".example.com")
                .to_owned()
        };
        assert_eq!(list.iter().map(name).collect::<Vec<_>>(), names, "{query}");
        assert_eq!(answer.body["result_info"]["total_count"], names.len(), "{query}");
        assert_eq!(answer.body["result_info"]["per_page"], 100);
    }
    assert_json_snapshot!(
        "record_with_tags",
        api.get(&format!("{records}?name.startswith=shop")).await.whole()
    );
    for tags in [
        json!(["no space:x"]),
        json!([":x"]),
        json!([format!("a:{}", "x".repeat(101))]),
    ] {
        let body = json!({"type": "A", "name": "x", "content": "192.0.2.1", "tags": tags});
        assert_eq!(api.post(&records, body).await.failure(), (400, 1004));
    }
}
