use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::management::tap::LogTap;

type Client = WebSocketStream<DuplexStream>;

/// A viewer, and its service until the test has dropped it.
async fn viewer(tap: &LogTap, actor: &str) -> (Client, impl Future<Output = io::Result<()>> + use<>) {
    let (near, far) = tokio::io::duplex(4096);
    let viewer = tap.viewer(actor.to_owned());
    let serving = async move { serve(far, &viewer).await };
    (
        WebSocketStream::from_raw_socket(near, Role::Client, None).await,
        serving,
    )
}

async fn say(client: &mut Client, text: impl Into<String>) {
    client.send(Message::text(text.into())).await.unwrap();
}

async fn next(client: &mut Client) -> Result<Value, u16> {
    loop {
        match client.next().await {
            Some(Ok(Message::Text(text))) => {
                let message: Value = serde_json::from_str(text.as_str()).unwrap();
                return Ok(message["logs"][0].clone());
            }
            Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// With which code a service ends after this message.
async fn code_after(message: Message) -> u16 {
    let tap = LogTap::new();
    let (mut client, serving) = viewer(&tap, "ada").await;
    let talking = async {
        client.send(message).await.unwrap();
        let code = next(&mut client).await.unwrap_err();
        // The goodbye.
        let _ = client.next().await;
        code
    };
    let (code, served) = tokio::join!(talking, serving);
    served.unwrap();
    code
}

#[tokio::test]
async fn messages_that_no_viewer_sends_end_the_stream_with_their_codes() {
    assert_eq!(code_after(Message::text("{\"type\":\"start_st")).await, 1003);
    assert_eq!(code_after(Message::binary(vec![0; 10])).await, 1003);
    assert_eq!(code_after(Message::text("x".repeat(MAX_MESSAGE))).await, 1003);
    let bad = r#"{"type":"start_streaming","filters":{"events":["dns"]}}"#;
    assert_eq!(code_after(Message::text(bad)).await, 4001);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_before_it_has_come() {
    let (mut near, far) = tokio::io::duplex(4096);
    let viewer = LogTap::new().viewer("ada".to_owned());
    let talking = async {
        // A masked text frame of 32 KiB and a byte, of which only the head comes: RFC 6455, section 5.2.
        near.write_all(&[0x81, 0xFE, 0x80, 0x01, 0, 0, 0, 0])
            .await
            .unwrap();
        let mut answer = [0; 4];
        near.read_exact(&mut answer).await.unwrap();
        assert_eq!(
            (answer[0], u16::from_be_bytes([answer[2], answer[3]])),
            (0x88, 1009)
        );
        drop(near);
    };
    let ((), served) = tokio::join!(talking, serve(far, &viewer));
    served.unwrap();
}

#[tokio::test]
async fn lines_flow_until_they_are_stopped_and_again_after_that() {
    let tap = LogTap::new();
    let subscriber = tracing_subscriber::registry().with(tap.layer());
    let test = async {
        let (mut client, serving) = viewer(&tap, "ada").await;
        let talking = async {
            for _ in 0..2 {
                say(&mut client, json!({"type": "start_streaming"}).to_string()).await;
                let line = flowing(&mut client).await;
                assert_eq!(line["message"], "flows");
                say(&mut client, json!({"type": "stop_streaming"}).to_string()).await;
            }
            client.close(None).await.unwrap();
            while client.next().await.is_some() {}
        };
        let ((), served) = tokio::join!(talking, serving);
        served.unwrap();
    };
    test.with_subscriber(subscriber).await;
}

/// A line, once the service has taken the start.
async fn flowing(client: &mut Client) -> Value {
    for _ in 0..1000 {
        tracing::info!(target: "adit", "flows");
        tokio::task::yield_now().await;
        if let Some(line) = next(client).now_or_never() {
            return line.unwrap();
        }
    }
    panic!("no line comes")
}

#[tokio::test]
async fn a_second_actor_is_refused_and_the_same_one_takes_over() {
    let tap = LogTap::new();
    let subscriber = tracing_subscriber::registry().with(tap.layer());
    let test = async {
        let start = json!({"type": "start_streaming"}).to_string();
        let (mut ada, first) = viewer(&tap, "ada").await;
        let (mut ben, second) = viewer(&tap, "ben").await;
        let (mut again, third) = viewer(&tap, "ada").await;
        let talking = async {
            say(&mut ada, start.clone()).await;
            flowing(&mut ada).await;
            say(&mut ben, start.clone()).await;
            assert_eq!(next(&mut ben).await, Err(4002));
            let _ = ben.next().await;
            say(&mut again, start).await;
            let end = loop {
                if let Err(code) = next(&mut ada).await {
                    break code;
                }
            };
            assert_eq!(end, 1000);
            let _ = ada.next().await;
            flowing(&mut again).await;
            again.close(None).await.unwrap();
            while again.next().await.is_some() {}
        };
        let ((), a, b, c) = tokio::join!(talking, first, second, third);
        for served in [a, b, c] {
            served.unwrap();
        }
    };
    test.with_subscriber(subscriber).await;
}

#[tokio::test]
async fn a_viewer_that_does_not_read_is_told_how_many_lines_it_missed() {
    let tap = LogTap::new();
    let subscriber = tracing_subscriber::registry().with(tap.layer());
    let test = async {
        let (mut client, serving) = viewer(&tap, "ada").await;
        let talking = async {
            say(&mut client, json!({"type": "start_streaming"}).to_string()).await;
            flowing(&mut client).await;
            for number in 0..5000 {
                tracing::info!(target: "adit", number, "flood");
                tokio::task::yield_now().await;
            }
            let told = loop {
                let line = next(&mut client).await.unwrap();
                if let Some(dropped) = line["fields"]["dropped"].as_u64() {
                    assert_eq!(line["level"], "warn");
                    break dropped;
                }
            };
            assert!(told > 4000, "{told}");
            client.close(None).await.unwrap();
            while client.next().await.is_some() {}
        };
        let ((), served) = tokio::join!(talking, serving);
        served.unwrap();
    };
    test.with_subscriber(subscriber).await;
}

#[test]
fn the_codes_are_ones_that_a_close_frame_may_have() {
    for ending in [
        Ending::DONE,
        Ending::NO_MESSAGE,
        Ending::TOO_LARGE,
        Ending::BAD_START,
        Ending::TAKEN,
        Ending::IDLE,
    ] {
        assert!(CloseCode::from(ending.code).is_allowed(), "{ending:?}");
        assert!(ending.reason.len() <= 123, "{ending:?}");
    }
}
