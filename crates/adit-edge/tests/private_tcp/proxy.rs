//! The proxy: SOCKS5 and CONNECT, to addresses behind a connector.

use adit_testing::{cloudflared::Protocol, scripted::ScriptedConnector, wait_for, within};
use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{connect, head, login, reply, request},
    stage::{Stage, TOKEN, destination},
    support::GRACE,
};

/// Sends back what comes on the next flow.
async fn echo(connector: &mut ScriptedConnector, to: &str) {
    let asked = connector.next().await;
    assert_eq!(destination(&asked, Protocol::Quic), to);
    let (mut from_edge, mut to_edge) = asked.answer(200, HeaderMap::new()).await;
    while let Ok(Some(bytes)) = from_edge.chunk().await {
        to_edge.write(bytes).await.unwrap();
    }
}

async fn says(client: &mut TcpStream, text: &str) {
    client.write_all(text.as_bytes()).await.unwrap();
    hears(client, text).await;
}

async fn hears(client: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    within("an echo", client.read_exact(&mut heard)).await.unwrap();
    assert_eq!(heard, text.as_bytes());
}

#[tokio::test]
async fn socks_reaches_an_address_by_each_name_of_the_network() {
    let stage = Stage::new(Protocol::Quic).await;
    let mut connector = stage.connector().await;
    for user in ["", "default", "prod", &stage.network.network.to_string()] {
        let talk = async {
            let (mut client, status) = login(stage.proxy(), user, TOKEN).await;
            assert_eq!(status, 0, "{user:?}");
            // What is said before the answer is not lost.
            let request = request(1, "10.1.2.3:80".parse().unwrap());
            client
                .write_all(&[&request[..], b"early"].concat())
                .await
                .unwrap();
            assert_eq!(reply(&mut client).await.0, 0);
            hears(&mut client, "early").await;
            says(&mut client, "later").await;
        };
        tokio::select! {
            () = talk => {}
            () = echo(&mut connector, "10.1.2.3:80") => panic!("the flow ended"),
        }
    }
}

#[tokio::test]
async fn connect_reaches_an_address() {
    let stage = Stage::new(Protocol::Quic).await;
    stage.lead("fd00::/8").await;
    let mut connector = stage.connector().await;
    for to in ["10.1.2.3:80", "[fd00::7]:443"] {
        let talk = async {
            let mut client = connect(stage.proxy(), to, Some(("prod", TOKEN))).await;
            let head = head(&mut client).await;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            says(&mut client, "hello").await;
        };
        tokio::select! {
            () = talk => {}
            () = echo(&mut connector, to) => panic!("the flow ended"),
        }
    }
}

#[tokio::test]
async fn a_client_that_has_ended_its_side_gets_the_rest_and_the_end() {
    let stage = Stage::new(Protocol::Http2).await;
    let mut connector = stage.connector().await;
    let (mut client, _) = login(stage.proxy(), "", TOKEN).await;
    client
        .write_all(&request(1, "10.1.2.3:80".parse().unwrap()))
        .await
        .unwrap();
    let (mut from_edge, mut to_edge) = connector.next().await.answer(200, HeaderMap::new()).await;
    assert_eq!(reply(&mut client).await.0, 0);
    client.write_all(b"all").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(within("all", from_edge.chunk()).await.unwrap().unwrap(), "all");
    to_edge.write("the rest").await.unwrap();
    to_edge.finish();
    let mut rest = String::new();
    within("the rest", client.read_to_string(&mut rest))
        .await
        .unwrap();
    assert_eq!(rest, "the rest");
}

#[tokio::test]
async fn each_failure_has_a_reply_of_its_own() {
    let stage = Stage::new(Protocol::Quic).await;
    stage.lead("169.254.0.0/16").await;
    let ask = async |to: &str| {
        let (mut client, _) = login(stage.proxy(), "", TOKEN).await;
        client.write_all(&request(1, to.parse().unwrap())).await.unwrap();
        let code = reply(&mut client).await.0;
        let mut answer = connect(stage.proxy(), to, Some(("", TOKEN))).await;
        let status = head(&mut answer).await[9..12].to_owned();
        (code, status)
    };
    assert_eq!(ask("192.0.2.1:80").await, (4, "502".to_owned()), "no route");
    assert_eq!(
        ask("169.254.169.254:80").await,
        (2, "403".to_owned()),
        "forbidden"
    );
    assert_eq!(ask("10.1.2.3:80").await, (3, "503".to_owned()), "no connector");

    let mut connector = stage.connector().await;
    let refusing = async {
        loop {
            connector.next().await.fail("no such host").await;
        }
    };
    tokio::select! {
        answer = ask("10.1.2.3:80") => assert_eq!(answer, (5, "502".to_owned()), "refused"),
        () = refusing => {}
    }
    let flooding = async {
        loop {
            connector.next().await.too_many_flows().await;
        }
    };
    tokio::select! {
        answer = ask("10.1.2.3:80") => assert_eq!(answer, (1, "503".to_owned()), "too many"),
        () = flooding => {}
    }
}

#[tokio::test]
async fn what_is_not_served_is_told() {
    let stage = Stage::new(Protocol::Quic).await;
    let (mut client, _) = login(stage.proxy(), "", TOKEN).await;
    client
        .write_all(&request(2, "10.1.2.3:80".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(reply(&mut client).await.0, 7, "BIND");
    let (mut client, _) = login(stage.proxy(), "", TOKEN).await;
    client.write_all(&[5, 1, 0, 9]).await.unwrap();
    assert_eq!(reply(&mut client).await.0, 8, "an unknown type of address");

    let mut client = TcpStream::connect(stage.proxy()).await.unwrap();
    let get = "GET http://10.1.2.3/ HTTP/1.1\r\nProxy-Authorization: Basic Og==\r\n\r\n";
    client.write_all(get.as_bytes()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 407 "));
    let mut client = connect(stage.proxy(), "10.1.2.3", Some(("", TOKEN))).await;
    assert!(head(&mut client).await.starts_with("HTTP/1.1 400 "));

    let mut client = TcpStream::connect(stage.proxy()).await.unwrap();
    client.write_all(&[4, 1, 0, 80, 10, 1, 2, 3, 0]).await.unwrap();
    let closed = within("the end", client.read(&mut [0; 8])).await;
    assert!(!matches!(closed, Ok(1..)), "SOCKS 4 gets nothing: {closed:?}");
}

#[tokio::test]
async fn a_stop_lets_a_flow_finish_and_takes_no_new_one() {
    let stage = Stage::new(Protocol::Quic).await;
    let mut connector = stage.connector().await;
    let proxy = stage.proxy();
    let (mut client, _) = login(proxy, "", TOKEN).await;
    client
        .write_all(&request(1, "10.1.2.3:80".parse().unwrap()))
        .await
        .unwrap();
    let (_from_edge, mut to_edge) = connector.next().await.answer(200, HeaderMap::new()).await;
    assert_eq!(reply(&mut client).await.0, 0);

    let stopping = stage.edge.edge.stop(GRACE);
    let finishing = async {
        wait_for("new clients to be refused", async || {
            TcpStream::connect(proxy).await.is_err()
        })
        .await;
        to_edge.write("last words").await.unwrap();
        to_edge.finish();
        let mut words = String::new();
        within("the last words", client.read_to_string(&mut words))
            .await
            .unwrap();
        assert_eq!(words, "last words");
    };
    tokio::join!(stopping, finishing);
}
