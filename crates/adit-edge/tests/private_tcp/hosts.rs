//! Private host names: looked up through the tunnel that they are routed to, and dialled through it.

use adit_model::Hostname;
use adit_testing::{cloudflared::Protocol, scripted::Asked, within};
use bytes::BytesMut;
use http::HeaderMap;
use tokio::io::AsyncWriteExt;

use crate::{
    client::{connect, head, login, named_request, reply},
    stage::{Stage, TOKEN, destination},
};

const RESOLVER: &str = "[2606:4700:cf1:2000::1]:53";

/// Answers a question as the resolver of the connector's machine would: with addresses of IPv4, and none of IPv6.
async fn resolve(asked: Asked, name: &Hostname, addresses: &[[u8; 4]], ttl: u32) {
    let (mut from_edge, mut to_edge) = asked.answer(200, HeaderMap::new()).await;
    let mut question = BytesMut::new();
    while question.len() < 2
        || question.len() < 2 + usize::from(u16::from_be_bytes([question[0], question[1]]))
    {
        let chunk = within("a question", from_edge.chunk()).await.unwrap().unwrap();
        question.extend_from_slice(&chunk);
    }
    let mut answer = question[2..].to_vec();
    let is_v4 = answer[answer.len() - 3] == 1;
    assert_eq!(
        answer.len(),
        12 + name.as_str().len() + 2 + 4,
        "it asks for the name"
    );
    let count = if is_v4 { addresses.len() } else { 0 };
    answer[2..4].copy_from_slice(&[0x81, 0x80]);
    answer[6..8].copy_from_slice(&u16::try_from(count).unwrap().to_be_bytes());
    for address in &addresses[..count] {
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(ttl.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(address);
    }
    let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
    to_edge.write([&length[..], &answer].concat()).await.unwrap();
    to_edge.finish();
}

#[tokio::test]
async fn a_routed_name_is_looked_up_once_and_dialled_by_address() {
    for protocol in Protocol::ALL {
        let stage = Stage::new(protocol).await;
        stage.lead_host("*.corp.internal").await;
        let mut connector = stage.connector().await;
        let name = "db.corp.internal".parse().unwrap();
        for round in 0..2 {
            let (mut client, _) = login(stage.proxy(), "", TOKEN).await;
            client
                .write_all(&named_request("DB.corp.internal", 5432))
                .await
                .unwrap();
            let lookups = if round == 0 { 2 } else { 0 };
            for _ in 0..lookups {
                let asked = connector.next().await;
                assert_eq!(destination(&asked, protocol), RESOLVER);
                resolve(asked, &name, &[[10, 9, 8, 7]], 60).await;
            }
            let asked = connector.next().await;
            assert_eq!(destination(&asked, protocol), "10.9.8.7:5432");
            let (_from_edge, _to_edge) = asked.answer(200, HeaderMap::new()).await;
            assert_eq!(reply(&mut client).await.0, 0);
        }
    }
}

#[tokio::test]
async fn an_address_that_is_refused_is_refused_by_name_too() {
    let stage = Stage::new(Protocol::Quic).await;
    stage.lead_host("metadata.corp").await;
    let mut connector = stage.connector().await;
    let name = "metadata.corp".parse().unwrap();
    let mut client = connect(stage.proxy(), "metadata.corp:80", Some(("", TOKEN))).await;
    for _ in 0..2 {
        let asked = connector.next().await;
        resolve(asked, &name, &[[169, 254, 169, 254]], 0).await;
    }
    let head = head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
}

#[tokio::test]
async fn the_next_address_is_tried_where_the_first_one_refuses() {
    let stage = Stage::new(Protocol::Quic).await;
    stage.lead_host("db.corp").await;
    let mut connector = stage.connector().await;
    let name = "db.corp".parse().unwrap();
    let (mut client, _) = login(stage.proxy(), "", TOKEN).await;
    client.write_all(&named_request("db.corp", 80)).await.unwrap();
    for _ in 0..2 {
        let asked = connector.next().await;
        resolve(asked, &name, &[[10, 0, 0, 1], [10, 0, 0, 2]], 60).await;
    }
    connector.next().await.fail("refused").await;
    let asked = connector.next().await;
    assert_eq!(destination(&asked, Protocol::Quic), "10.0.0.2:80");
    let (_from_edge, _to_edge) = asked.answer(200, HeaderMap::new()).await;
    assert_eq!(reply(&mut client).await.0, 0);
}

#[tokio::test]
async fn a_name_that_nobody_routed_or_that_has_no_address_is_unreachable() {
    let stage = Stage::new(Protocol::Quic).await;
    stage.lead_host("gone.corp").await;
    let mut connector = stage.connector().await;
    let (mut client, _) = login(stage.proxy(), "", TOKEN).await;
    client.write_all(&named_request("example.com", 80)).await.unwrap();
    assert_eq!(reply(&mut client).await.0, 4);

    let (mut client, _) = login(stage.proxy(), "", TOKEN).await;
    client.write_all(&named_request("gone.corp", 80)).await.unwrap();
    let name = "gone.corp".parse().unwrap();
    for _ in 0..2 {
        let asked = connector.next().await;
        resolve(asked, &name, &[], 60).await;
    }
    assert_eq!(reply(&mut client).await.0, 4);
}
