//! Zones and their records.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::{Api, NOBODY};

fn cname(name: &str) -> Value {
    let content = format!("{NOBODY}.cfargotunnel.com");
    json!({"type": "CNAME", "name": name, "content": content, "proxied": true, "ttl": 1, "tags": [], "settings": {}})
}

#[tokio::test]
async fn zones_are_listed_and_shown() {
    let api = Api::new().await;
    assert_json_snapshot!(
        "zone_list",
        api.get("/zones?name=example.com&status=active&per_page=50")
            .await
            .whole()
    );
    assert_json_snapshot!("zone_get", api.get(&api.zone("")).await.whole());
    for (query, count) in [
        ("", 2),
        ("?name=equal:example.com", 1),
        ("?name=Example.COM", 1),
        ("?name=example.org", 1),
        ("?name=no%20name", 0),
        ("?status=pending", 0),
        ("?account.id=699d98642c564d2e855e9661899b7252", 1),
        ("?account.id=023e105f4ecef8ad9ca31a8372d0c353", 1),
        ("?page=2", 0),
    ] {
        let answer = api.get(&format!("/zones{query}")).await;
        assert_eq!(answer.result().as_array().unwrap().len(), count, "{query}");
    }
    for query in [
        "?name=around:example",
        "?status=odd",
        "?account.id=x",
        "?per_page=0",
    ] {
        assert_eq!(
            api.get(&format!("/zones{query}")).await.failure(),
            (400, 1001),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_record_is_made_changed_and_removed() {
    let api = Api::new().await;
    let made = api.post(&api.zone("/dns_records"), cname("shop")).await;
    assert_json_snapshot!("record_create", made.whole());
    let record = api.zone(&format!("/dns_records/{}", made.id()));
    assert_json_snapshot!(
        "record_patch",
        api.patch(&record, json!({"comment": "ours"})).await.whole()
    );
    let address = json!({"type": "a", "name": "@", "content": "192.0.2.1", "ttl": 300});
    assert_json_snapshot!("record_put", api.put(&record, address).await.whole());
    assert_json_snapshot!(
        "record_list",
        api.get(&api.zone("/dns_records?type=A")).await.whole()
    );
    assert_eq!(
        api.patch(&record, json!({})).await.result()["content"],
        "192.0.2.1"
    );
    assert_json_snapshot!("record_delete", api.delete(&record).await.whole());
    assert_json_snapshot!("record_get_unknown", api.get(&record).await.whole());
    for answer in [
        api.put(&record, cname("x")).await,
        api.patch(&record, json!({})).await,
        api.delete(&record).await,
    ] {
        assert_eq!(answer.failure(), (404, 81044));
    }
}

#[tokio::test]
async fn a_host_name_has_one_record() {
    let api = Api::new().await;
    api.post(&api.zone("/dns_records"), cname("shop")).await.result();
    assert_json_snapshot!(
        "record_create_taken",
        api.post(&api.zone("/dns_records"), cname("SHOP.example.com."))
            .await
            .whole()
    );
    let other = api.post(&api.zone("/dns_records"), cname("blog")).await;
    let other = api.zone(&format!("/dns_records/{}", other.id()));
    assert_eq!(
        api.patch(&other, json!({"name": "shop"})).await.failure(),
        (400, 81053)
    );
}

#[tokio::test]
async fn a_record_that_makes_no_sense_is_refused_with_its_field() {
    let api = Api::new().await;
    let with = |field: &str, value: Value| {
        let mut body = cname("shop");
        body[field] = value;
        body
    };
    let wrong = api
        .post(&api.zone("/dns_records"), with("type", "MX".into()))
        .await;
    assert_json_snapshot!("record_create_wrong_type", wrong.whole());
    for body in [
        json!({}),
        with("type", Value::Null),
        with("name", Value::Null),
        with("content", Value::Null),
        with("name", "a b".into()),
        with("content", "not a name".into()),
        with("content", "shop.example.com".into()),
        with("type", "A".into()),
        with("type", "AAAA".into()),
        with("ttl", 59.into()),
        with("ttl", 86_401.into()),
        with("comment", "x".repeat(501).into()),
    ] {
        assert_eq!(
            api.post(&api.zone("/dns_records"), body.clone()).await.failure(),
            (400, 1004),
            "{body}"
        );
    }
    for body in [
        with("ttl", "1".into()),
        with("ttl", (-1).into()),
        with("proxied", "yes".into()),
    ] {
        assert_eq!(
            api.post(&api.zone("/dns_records"), body.clone()).await.failure(),
            (400, 1001),
            "{body}"
        );
    }
}

#[tokio::test]
async fn no_record_takes_a_reserved_name() {
    let api = Api::new().await;
    let made = api.post(&api.zone("/dns_records"), cname("shop")).await;
    let record = api.zone(&format!("/dns_records/{}", made.id()));
    for name in ["api", "management.example.com", "MANAGEMENT.example.com."] {
        assert_eq!(
            api.post(&api.zone("/dns_records"), cname(name)).await.failure(),
            (400, 1004),
            "{name}"
        );
        assert_eq!(
            api.put(&record, cname(name)).await.failure(),
            (400, 1004),
            "{name}"
        );
        assert_eq!(
            api.patch(&record, json!({"name": name})).await.failure(),
            (400, 1004),
            "{name}"
        );
    }
    let address = json!({"type": "AAAA", "name": "api", "content": "::1"});
    assert_eq!(
        api.post(&api.zone("/dns_records"), address).await.failure(),
        (400, 1004)
    );
    assert_eq!(
        api.post(&api.zone("/dns_records"), cname("*")).await.result()["name"],
        "*.example.com"
    );
}

#[tokio::test]
async fn records_are_filtered_and_their_pages_end() {
    let api = Api::new().await;
    for name in ["a", "b", "*.c"] {
        api.post(&api.zone("/dns_records"), cname(name)).await.result();
    }
    api.post(
        &api.zone("/dns_records"),
        json!({"type": "A", "name": "d", "content": "192.0.2.1"}),
    )
    .await
    .result();
    for (query, count) in [
        ("", 4),
        ("?name=a.example.com", 1),
        ("?name.exact=A.example.com.", 1),
        ("?name=*.c.example.com&type=CNAME", 1),
        ("?name=no%20name", 0),
        ("?type=TXT", 0),
        ("?name=%252A.c.example.com", 1),
        ("?name.startswith=%252A.", 1),
        ("?search=%252A.c", 1),
        ("?type=CNAME&proxied=true", 3),
        ("?proxied=false", 1),
        (&format!("?content={}.cfargotunnel.com", NOBODY.to_uppercase()), 3),
        ("?per_page=3&page=2", 1),
        ("?per_page=5000000", 4),
        ("?page=9", 0),
    ] {
        let answer = api.get(&api.zone(&format!("/dns_records{query}"))).await;
        assert_eq!(answer.result().as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(
        api.get(&api.zone("/dns_records?proxied=1")).await.failure(),
        (400, 1001)
    );
}

#[tokio::test]
async fn the_conditions_on_tags_are_limited() {
    let api = Api::new().await;
    let records = |tags: usize| {
        api.zone(&format!(
            "/dns_records?{}",
            "tag=a:b&tag.absent=c&".repeat(tags / 2)
        ))
    };
    assert!(api.get(&records(20)).await.ids().is_empty());
    let refused = api.get(&records(22)).await;
    assert_eq!(refused.failure(), (400, 1001));
    assert_eq!(
        refused.message(),
        "query parameter tag: expected at most 20 conditions on tags"
    );
}
