//! Calls on streams of their own, over a pipe in memory.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{sync::Arc, time::Duration};

use adit_model::{ConfigVersion, SessionId};
use adit_rpc::{
    CALL_TIME, CallError, CallStream, ConnectorService, EdgeService, RpcError, RpcLanes,
    serve_connector_calls, serve_edge_calls,
};
use adit_wire::{
    StreamKind,
    calls::{ConfigurationAnswer, RegisterUdpSession, UdpSessionAnswer},
    decode_preamble,
};
use bytes::Bytes;
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    sync::mpsc,
    task::JoinSet,
};

type Half = (ReadHalf<DuplexStream>, WriteHalf<DuplexStream>);

const KIB: usize = 1024;

/// Refuses configurations without a rule and sessions to port 9, and tells what it was asked.
struct Scripted(mpsc::UnboundedSender<String>);

#[async_trait::async_trait]
impl ConnectorService for Scripted {
    async fn update_configuration(&self, version: ConfigVersion, json: Vec<u8>) -> ConfigurationAnswer {
        self.0
            .send(format!("{} with {} bytes", version.0, json.len()))
            .unwrap();
        let refusal = (json == b"{}").then(|| "no rules\n at all ".to_owned());
        let running = if refusal.is_some() {
            ConfigVersion(-1)
        } else {
            version
        };
        ConfigurationAnswer { running, refusal }
    }

    async fn register_udp_session(&self, request: RegisterUdpSession) -> UdpSessionAnswer {
        self.0.send(format!("{request:?}")).unwrap();
        match request.destination.port() {
            9 => Err("too many active flows".to_owned()),
            53 => std::future::pending().await,
            _ => Ok(vec![1, 2, 3]),
        }
    }

    async fn unregister_udp_session(&self, session: SessionId, message: String) -> Result<(), String> {
        ended(&self.0, session, &message)
    }
}

#[async_trait::async_trait]
impl EdgeService for Scripted {
    async fn unregister_udp_session(&self, session: SessionId, message: String) -> Result<(), String> {
        ended(&self.0, session, &message)
    }
}

fn ended(told: &mpsc::UnboundedSender<String>, session: SessionId, message: &str) -> Result<(), String> {
    told.send(format!("{session} ended: {message}")).unwrap();
    if message.is_empty() {
        Err("unknown session".to_owned())
    } else {
        Ok(())
    }
}

fn session(port: u16) -> RegisterUdpSession {
    RegisterUdpSession {
        session: SessionId::from_uuid(uuid::Uuid::from_u128(7)),
        destination: format!("192.0.2.7:{port}").parse().unwrap(),
        close_after_idle: Duration::from_secs(2),
        trace_context: String::new(),
    }
}

#[derive(Clone, Copy)]
enum Side {
    Connector,
    Edge,
}

/// A side that reads the preamble and answers.
struct Answering {
    tasks: JoinSet<Result<(), CallError>>,
    heard: mpsc::UnboundedReceiver<String>,
}

fn answering(lanes: &Arc<RpcLanes>, side: Side) -> (Answering, Half) {
    let (near, far) = duplex(64 * KIB);
    let (told, heard) = mpsc::unbounded_channel();
    let lanes = Arc::clone(lanes);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut reader, writer) = split(far);
        let mut preamble = [0; 6];
        if reader.read_exact(&mut preamble).await.is_err() {
            return Ok(());
        }
        assert_eq!(decode_preamble(&preamble), Ok(Some((StreamKind::Rpc, 6))));
        let service = Arc::new(Scripted(told));
        match side {
            Side::Connector => serve_connector_calls(&lanes, reader, writer, service).await,
            Side::Edge => serve_edge_calls(&lanes, reader, writer, service).await,
        }
    });
    (Answering { tasks, heard }, split(near))
}

#[tokio::test]
async fn a_configuration_is_taken_or_refused_in_the_connectors_words() {
    let lanes = Arc::new(RpcLanes::start(1).unwrap());
    let large = vec![b' '; 300 * KIB];
    for (json, refusal) in [
        (large, None),
        (b"{}".to_vec(), Some("no rules  at all".to_owned())),
    ] {
        let (mut connector, (reader, writer)) = answering(&lanes, Side::Connector);
        let size = json.len();
        let answer = CallStream::new(&lanes, reader, writer)
            .update_configuration(ConfigVersion(3), Bytes::from(json))
            .await
            .unwrap();
        let running = ConfigVersion(if refusal.is_some() { -1 } else { 3 });
        assert_eq!(answer, ConfigurationAnswer { running, refusal });
        assert_eq!(
            connector.heard.recv().await.unwrap(),
            format!("3 with {size} bytes")
        );
        connector.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_session_is_registered_refused_and_unregistered() {
    let lanes = Arc::new(RpcLanes::start(1).unwrap());
    for (port, expected) in [
        (5000, Ok(vec![1, 2, 3])),
        (9, Err("too many active flows".to_owned())),
    ] {
        let (mut connector, (reader, writer)) = answering(&lanes, Side::Connector);
        let call = CallStream::new(&lanes, reader, writer);
        assert_eq!(call.register_udp_session(session(port)).await.unwrap(), expected);
        assert_eq!(
            connector.heard.recv().await.unwrap(),
            format!("{:?}", session(port))
        );
        connector.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
    for side in [Side::Connector, Side::Edge] {
        let (mut peer, (reader, writer)) = answering(&lanes, side);
        let call = CallStream::new(&lanes, reader, writer);
        call.unregister_udp_session(session(9).session, "session idle for 2s".to_owned())
            .await
            .unwrap();
        let heard = peer.heard.recv().await.unwrap();
        assert_eq!(
            heard,
            format!("{} ended: session idle for 2s", session(9).session)
        );
        peer.tasks.join_next().await.unwrap().unwrap().unwrap();

        let (_peer, (reader, writer)) = answering(&lanes, side);
        let call = CallStream::new(&lanes, reader, writer);
        let refused = call
            .unregister_udp_session(session(9).session, String::new())
            .await;
        assert!(refused.unwrap_err().to_string().contains("unknown session"));
    }
}

#[tokio::test]
async fn an_edge_takes_no_session_and_no_configuration() {
    let lanes = Arc::new(RpcLanes::start(1).unwrap());
    let (_edge, (reader, writer)) = answering(&lanes, Side::Edge);
    let call = CallStream::new(&lanes, reader, writer);
    assert!(matches!(
        call.register_udp_session(session(1)).await,
        Err(CallError::Rpc(RpcError::Peer(_)))
    ));
    let (_edge, (reader, writer)) = answering(&lanes, Side::Edge);
    let call = CallStream::new(&lanes, reader, writer);
    let answer = call.update_configuration(ConfigVersion(1), Bytes::from_static(b"{}"));
    assert!(matches!(answer.await, Err(CallError::Rpc(RpcError::Peer(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_ends_in_time_on_both_sides() {
    let lanes = Arc::new(RpcLanes::start(1).unwrap());
    let (mut connector, (reader, writer)) = answering(&lanes, Side::Connector);
    let call = CallStream::new(&lanes, reader, writer);
    let begun = tokio::time::Instant::now();
    let answer = call.register_udp_session(session(53)).await;
    assert!(matches!(answer, Err(CallError::TimedOut)), "{answer:?}");
    assert_eq!(begun.elapsed().as_secs(), CALL_TIME.as_secs());
    let _ = connector.tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn what_comes_back_cut_at_any_byte_is_no_answer() {
    let lanes = Arc::new(RpcLanes::start(1).unwrap());
    let (_, whole) = conversation(&lanes).await;
    for cut in 0..whole.len() {
        let (near, far) = duplex(64 * KIB);
        let (reader, writer) = split(near);
        let (_asked, mut answer) = split(far);
        answer.write_all(&whole[..cut]).await.unwrap();
        answer.shutdown().await.unwrap();
        let call = CallStream::new(&lanes, reader, writer);
        let outcome = call.update_configuration(ConfigVersion(1), Bytes::from_static(b"{}"));
        let outcome = outcome.await;
        // The last messages may be missing: the answer was whole before them.
        assert!(
            matches!(outcome, Err(CallError::Rpc(_))) || (cut > whole.len() / 2 && outcome.is_ok()),
            "cut at {cut}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_call_cut_at_any_byte_is_never_carried_out_in_part() {
    let lanes = Arc::new(RpcLanes::start(1).unwrap());
    let (whole, _) = conversation(&lanes).await;
    let mut carried_out = 0;
    for cut in 0..=whole.len() {
        let (mut connector, (_reader, mut writer)) = answering(&lanes, Side::Connector);
        writer.write_all(&whole[..cut]).await.unwrap();
        writer.shutdown().await.unwrap();
        let ended = connector.tasks.join_next().await.unwrap().unwrap();
        // A panic on the lane would read so.
        assert!(
            !matches!(ended, Err(CallError::Rpc(RpcError::Ended))),
            "cut at {cut}"
        );
        while let Ok(heard) = connector.heard.try_recv() {
            assert_eq!(heard, "1 with 14 bytes", "cut at {cut}");
            carried_out += 1;
        }
    }
    assert!((1..whole.len() / 2).contains(&carried_out), "{carried_out}");
}

/// The bytes that an edge offers a configuration with, and those that a connector answers with.
async fn conversation(lanes: &Arc<RpcLanes>) -> (Vec<u8>, Vec<u8>) {
    let (_connector, (mut from_connector, mut to_connector)) = answering(lanes, Side::Connector);
    let (near, far) = duplex(64 * KIB);
    let (reader, writer) = split(near);
    let (mut from_edge, mut to_edge) = split(far);
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let call = CallStream::new(lanes, reader, writer);
    let call = call.update_configuration(ConfigVersion(1), Bytes::from_static(b"{\"ingress\":[]}"));
    let passing = async {
        tokio::join!(
            pass(&mut from_edge, &mut to_connector, &mut asked),
            pass(&mut from_connector, &mut to_edge, &mut answered)
        )
    };
    tokio::select! {
        answer = call => { answer.unwrap(); }
        _ = passing => {}
    }
    (asked, answered)
}

async fn pass(from: &mut ReadHalf<DuplexStream>, to: &mut WriteHalf<DuplexStream>, seen: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        seen.extend_from_slice(&buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_flood_of_bytes_is_cut_off() {
    const BOOTSTRAP: [u8; 48] = *b"\0\0\0\0\x05\0\0\0\0\0\0\0\x01\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let lanes = Arc::new(RpcLanes::start(1).unwrap());
    for side in [Side::Connector, Side::Edge] {
        let (mut peer, (mut reader, mut writer)) = answering(&lanes, side);
        let mut preamble = Vec::new();
        StreamKind::Rpc.encode(&mut preamble);
        writer.write_all(&preamble).await.unwrap();
        let flood = async {
            for question in 0_u32..64 * 1024 {
                let mut message = BOOTSTRAP;
                message[40..44].copy_from_slice(&question.to_le_bytes());
                if writer.write_all(&message).await.is_err() {
                    return;
                }
            }
        };
        let mut sink = tokio::io::sink();
        let ((), _) = tokio::join!(flood, tokio::io::copy(&mut reader, &mut sink));
        assert!(peer.tasks.join_next().await.unwrap().unwrap().is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic_a_lane(garbage: Vec<u8>, words in prop::collection::vec(any::<u8>(), 0..64)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let lanes = Arc::new(RpcLanes::start(1).unwrap());
            // One segment of as many words as follow.
            let framed = [&[0, 0, 0, 0, u8::try_from(words.len() / 8).unwrap(), 0, 0, 0][..], &words].concat();
            for bytes in [garbage, framed] {
                let (mut peer, (_reader, mut writer)) = answering(&lanes, Side::Connector);
                let mut preamble = Vec::new();
                StreamKind::Rpc.encode(&mut preamble);
                writer.write_all(&preamble).await.unwrap();
                let _ = writer.write_all(&bytes).await;
                let _ = writer.shutdown().await;
                let ended = peer.tasks.join_next().await.unwrap().unwrap();
                // A panic of the job reads as the end of the lane.
                prop_assert!(!matches!(ended, Err(CallError::Rpc(RpcError::Ended))), "{ended:?}");
            }
            Ok(())
        })?;
    }
}
