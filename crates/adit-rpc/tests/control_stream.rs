//! Connector and edge over a pipe in memory.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{sync::Arc, time::Duration};

use adit_model::{ConnectionId, ConnectionIndex, ConnectorId, TunnelId};
use adit_rpc::{Registrar, RegistrationClient, RpcError, RpcLanes, serve_registration};
use adit_wire::registration::{
    ClientInfo, ConnectionDetails, PresentedSecret, RegisterConnection, RegistrationAnswer,
    RegistrationRefusal,
};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex, split},
    sync::mpsc,
    task::JoinSet,
};

/// Accepts index 0, refuses the rest, and tells what it was asked.
struct Scripted(mpsc::UnboundedSender<String>);

const DETAILS: fn() -> ConnectionDetails = || ConnectionDetails {
    connection: ConnectionId::from_uuid(uuid(9)),
    location: "fra01".to_owned(),
    remotely_managed: true,
};

const fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

fn refusal() -> RegistrationRefusal {
    RegistrationRefusal {
        cause: "Unauthorized: Invalid tunnel secret".to_owned(),
        retry_after: Duration::from_secs(3),
        should_retry: false,
    }
}

#[async_trait::async_trait]
impl Registrar for Scripted {
    async fn register(&self, request: RegisterConnection) -> RegistrationAnswer {
        let index = request.index;
        self.0.send(format!("{request:?}")).unwrap();
        if index == ConnectionIndex(0) {
            Ok(DETAILS())
        } else {
            Err(refusal())
        }
    }

    async fn unregister(&self) {
        self.0.send("unregister".to_owned()).unwrap();
    }

    async fn update_local_configuration(&self, json: Vec<u8>) -> Result<(), String> {
        if json.is_empty() {
            return Err("empty configuration".to_owned());
        }
        self.0.send(String::from_utf8(json).unwrap()).unwrap();
        Ok(())
    }
}

fn request(index: u8) -> RegisterConnection {
    RegisterConnection {
        account_tag: "699d98642c564d2e855e9661899b7252".to_owned(),
        secret: PresentedSecret(vec![7; 32]),
        tunnel: TunnelId::from_uuid(uuid(1)),
        index: ConnectionIndex(index),
        client: ClientInfo {
            id: ConnectorId::from_uuid(uuid(2)),
            features: vec!["support_quic_eof".to_owned()],
            version: "1.2.3".to_owned(),
            arch: "linux_amd64".to_owned(),
        },
        origin_local_ip: Some("192.0.2.7".parse().unwrap()),
        previous_attempts: 2,
    }
}

fn serve(
    lanes: &Arc<RpcLanes>,
    stream: DuplexStream,
) -> (JoinSet<Result<(), RpcError>>, mpsc::UnboundedReceiver<String>) {
    let (told, heard) = mpsc::unbounded_channel();
    let (reader, writer) = split(stream);
    let lanes = Arc::clone(lanes);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { serve_registration(&lanes, reader, writer, Arc::new(Scripted(told))).await });
    (tasks, heard)
}

#[tokio::test]
async fn every_call_reaches_the_edge_and_its_answer_comes_back() {
    let lanes = Arc::new(RpcLanes::start(2).unwrap());
    let (near, far) = duplex(16 * 1024);
    let (mut edge, mut heard) = serve(&lanes, far);
    let (reader, writer) = split(near);
    let (client, carried) = RegistrationClient::start(&lanes, reader, writer);
    let calls = async move {
        assert_eq!(client.register(request(0)).await.unwrap(), Ok(DETAILS()));
        assert_eq!(client.register(request(1)).await.unwrap(), Err(refusal()));
        client.update_local_configuration(b"{}".to_vec()).await.unwrap();
        let error = client.update_local_configuration(Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("empty configuration"), "{error}");
        client.unregister().await.unwrap();
    };
    let (ended, ()) = tokio::join!(carried, calls);
    ended.unwrap();
    edge.join_next().await.unwrap().unwrap().unwrap();
    let first = heard.recv().await.unwrap();
    assert!(
        first.contains("192.0.2.7") && first.contains("support_quic_eof"),
        "{first}"
    );
    assert!(!first.contains("7, 7"), "the secret was printed: {first}");
    heard.recv().await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), "{}");
    assert_eq!(heard.recv().await.unwrap(), "unregister");
}

#[tokio::test]
async fn garbage_ends_that_control_stream_only() {
    let lanes = Arc::new(RpcLanes::start(1).unwrap());
    for garbage in [
        &[0xFF; 64][..],
        &[0; 64],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0, 0, 255, 255, 0, 0],
    ] {
        let (mut near, far) = duplex(16 * 1024);
        let (mut edge, _heard) = serve(&lanes, far);
        near.write_all(garbage).await.unwrap();
        near.shutdown().await.unwrap();
        let _ = edge.join_next().await.unwrap().unwrap();
    }
    assert_registers(&lanes).await;
}

#[tokio::test]
async fn a_peer_that_only_asks_for_the_bootstrap_object_is_cut_off() {
    const BOOTSTRAP: [u8; 48] = *b"\0\0\0\0\x05\0\0\0\0\0\0\0\x01\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let lanes = Arc::new(RpcLanes::start(1).unwrap());
    let (near, far) = duplex(256 * 1024);
    let (mut edge, _heard) = serve(&lanes, far);
    let (mut reader, mut writer) = split(near);
    let flood = async {
        for question in 0_u32..4096 {
            let mut message = BOOTSTRAP;
            message[40..44].copy_from_slice(&question.to_le_bytes());
            if writer.write_all(&message).await.is_err() {
                return;
            }
        }
    };
    let mut sink = tokio::io::sink();
    let ((), _) = tokio::join!(flood, tokio::io::copy(&mut reader, &mut sink));
    assert!(edge.join_next().await.unwrap().unwrap().is_err());
    assert_registers(&lanes).await;
}

async fn assert_registers(lanes: &Arc<RpcLanes>) {
    let (near, far) = duplex(16 * 1024);
    let (_edge, _heard) = serve(lanes, far);
    let (reader, writer) = split(near);
    let (client, carried) = RegistrationClient::start(lanes, reader, writer);
    let (ended, answer) = tokio::join!(carried, async move { client.register(request(0)).await });
    ended.unwrap();
    assert_eq!(answer.unwrap(), Ok(DETAILS()));
}
