//! Who the proxy lets in.

use adit_model::{AccountId, Timestamp};
use adit_testing::{cloudflared::Protocol, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{connect, head, login},
    stage::{Stage, TOKEN},
};

#[tokio::test]
async fn nobody_enters_without_a_login() {
    let stage = Stage::new(Protocol::Quic).await;
    let mut client = TcpStream::connect(stage.proxy()).await.unwrap();
    client.write_all(&[5, 1, 0]).await.unwrap();
    let mut answer = Vec::new();
    within("the end", client.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, [5, 0xff]);

    let mut client = connect(stage.proxy(), "10.1.2.3:80", None).await;
    let head = head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 407 "), "{head}");
    assert!(head.contains("\r\nProxy-Authenticate: Basic realm="), "{head}");
}

#[tokio::test]
async fn a_login_must_be_right_in_both_its_parts() {
    let stage = Stage::new(Protocol::Quic).await;
    let other = AccountId::random();
    stage.token(other, &"o".repeat(40), |_| {});
    stage.token(stage.network.account, &"d".repeat(40), |token| {
        token.disabled = true
    });
    stage.token(stage.network.account, &"e".repeat(40), |token| {
        token.expires_at = Timestamp::from_unix_micros(1);
    });
    stage.token(stage.network.account, &"a".repeat(40), |token| {
        token.addresses.denied = vec!["127.0.0.0/8".parse().unwrap()];
    });
    stage.settled().await;
    for (user, password) in [
        ("prod", "wrong"),
        ("prod", ""),
        ("elsewhere", TOKEN),
        ("prod", &"o".repeat(40)),
        ("prod", &"d".repeat(40)),
        ("prod", &"e".repeat(40)),
        ("prod", &"a".repeat(40)),
    ] {
        let (mut client, status) = login(stage.proxy(), user, password).await;
        assert_eq!(status, 1, "{user} {password}");
        assert_eq!(within("the end", client.read(&mut [0])).await.unwrap(), 0);
    }
    let mut client = connect(stage.proxy(), "10.1.2.3:80", Some(("prod", "wrong"))).await;
    assert!(head(&mut client).await.starts_with("HTTP/1.1 407 "));
    assert_eq!(login(stage.proxy(), "prod", TOKEN).await.1, 0);
}

#[tokio::test]
async fn ten_failures_in_a_minute_lock_an_address_out() {
    let stage = Stage::new(Protocol::Quic).await;
    for _ in 0..9 {
        assert_eq!(login(stage.proxy(), "prod", "wrong").await.1, 1);
    }
    assert_eq!(
        login(stage.proxy(), "prod", TOKEN).await.1,
        0,
        "nine are forgiven"
    );
    assert_eq!(login(stage.proxy(), "prod", "wrong").await.1, 1);
    assert_eq!(login(stage.proxy(), "prod", TOKEN).await.1, 1);
    let mut client = connect(stage.proxy(), "10.1.2.3:80", Some(("prod", TOKEN))).await;
    let head = head(&mut client).await;
    assert!(
        head.starts_with("HTTP/1.1 429 ") && head.contains("\r\nRetry-After: 60\r\n"),
        "{head}"
    );
}
