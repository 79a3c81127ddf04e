//! Writes the seeds that are messages rather than text: `cargo run --example seeds`, in `fuzz/`.

use std::{
    error::Error,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use adit_fuzz::{Refusing, register_connection};
use adit_model::SessionId;
use adit_rpc::{RegistrationClient, RpcLanes, serve_registration};
use adit_wire::{
    StreamKind,
    datagram::{v2, v3},
    encode_body_end,
    http2::serialize_headers,
    icmp::{EchoMessage, Expired, IcmpMessage, IcmpPacket},
    {ConnectAnswer, FlowKind, RequestHead, ResponseHead},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, duplex, split};

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Done {
    for (kind, name) in [(StreamKind::Data, "data"), (StreamKind::Rpc, "rpc")] {
        let mut bytes = Vec::new();
        kind.encode(&mut bytes);
        write("preamble", name, &bytes)?;
    }
    for (name, head) in requests() {
        write("request_head", name, message(&head.encode()))?;
    }
    for (name, answer) in answers() {
        write("connect_answer", name, message(&answer.encode()))?;
    }
    let body = [&[5, 0, 0, 0, 6][..], b"hello ", &[0, 0, 0, 5], b"world", &encode_body_end(&headers())].concat();
    write("framed_body", "trailers", &body)?;
    write(
        "response_headers",
        "two",
        serialize_headers(&headers()).as_bytes(),
    )?;
    for (target, name, bytes) in datagrams() {
        write(target, name, &bytes)?;
    }
    for (name, packet) in packets() {
        // Sent by the first member; the path carries 1280 bytes.
        write("mesh_packet", name, &[&[0, 0], &packet[..]].concat())?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    write(
        "control_stream",
        "registration",
        &runtime.block_on(registration())?,
    )?;
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

/// What follows the preamble.
fn message(stream: &[u8]) -> &[u8] {
    stream
        .get(StreamKind::Data.preamble_bytes()..)
        .unwrap_or_default()
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html")),
        (header::SET_COOKIE, HeaderValue::from_static("a=1")),
        (header::SET_COOKIE, HeaderValue::from_static("b=2")),
    ])
}

fn requests() -> [(&'static str, RequestHead); 3] {
    let http = RequestHead {
        kind: FlowKind::Http,
        dest: "http://shop.example/a?b".to_owned(),
        method: Method::POST,
        host: "shop.example".to_owned(),
        headers: headers(),
        flow_id: None,
        extras: adit_wire::Extras::default(),
    };
    let websocket = RequestHead {
        kind: FlowKind::WebSocket,
        method: Method::GET,
        ..http.clone()
    };
    let tcp = RequestHead {
        kind: FlowKind::Tcp,
        dest: "192.0.2.7:22".to_owned(),
        method: Method::GET,
        host: String::new(),
        headers: HeaderMap::new(),
        flow_id: Some("f".to_owned()),
        extras: adit_wire::Extras::default(),
    };
    [("http", http), ("websocket", websocket), ("tcp", tcp)]
}

fn answers() -> [(&'static str, ConnectAnswer); 2] {
    let accepted = ResponseHead {
        status: StatusCode::NOT_FOUND,
        headers: headers(),
    };
    let failed = adit_wire::ConnectFailure {
        message: "no route to host".to_owned(),
        flow_limited: true,
    };
    [
        ("accepted", ConnectAnswer::Accepted(accepted)),
        ("failed", ConnectAnswer::Failed(failed)),
    ]
}

/// One datagram of each kind.
fn datagrams() -> Vec<(&'static str, &'static str, Bytes)> {
    let session = SessionId::from_slice(&[0x11; 16]).unwrap_or_else(SessionId::random);
    let payload = Bytes::from_static(b"u:udp-hello");
    let trace = v2::Trace {
        trace: [1; 16],
        span: [2; 8],
        flags: 1,
    };
    let registration = |to: IpAddr| {
        let to = SocketAddr::new(to, 9102);
        v3::ToConnector::Register(v3::Registration {
            session,
            to,
            idle_seconds: 2,
            traced: false,
            payload: to.is_ipv6().then(|| payload.clone()),
        })
    };
    let answer = v3::RegistrationAnswer {
        session,
        answer: v3::Answer::Failed,
        error: "no route to host".to_owned(),
    };
    let (v4, v6) = (
        IpAddr::from([192, 0, 2, 1]),
        IpAddr::from([0x2001, 0xDB8, 0, 0, 0, 0, 0, 1]),
    );
    let echo = EchoMessage {
        id: 7,
        sequence: 1,
        payload: payload.clone(),
    };
    let packet = |to: IpAddr, message| {
        let packet = IcmpPacket {
            source: to,
            destination: to,
            hops: 64,
            message,
        };
        packet.encode().unwrap_or_default()
    };
    let expired = IcmpMessage::TimeExceeded(Expired {
        destination: v4,
        id: 7,
        sequence: 1,
    });
    let ping = packet(v4, IcmpMessage::EchoRequest(echo.clone()));
    let udp = v2::ToEdge::Udp {
        session,
        payload: payload.clone(),
    };
    let traced = v2::ToConnector::TracedIp {
        packet: ping.clone(),
        trace,
    };
    let spans = v2::ToEdge::Spans {
        spans: payload.clone(),
        trace,
    };
    vec![
        ("datagram_v2", "udp", udp.encode()),
        ("datagram_v2", "traced", traced.encode()),
        ("datagram_v2", "spans", spans.encode()),
        ("datagram_v3", "registration_v4", registration(v4).encode()),
        ("datagram_v3", "registration_v6", registration(v6).encode()),
        ("datagram_v3", "answer", v3::ToEdge::Answer(answer).encode()),
        (
            "datagram_v3",
            "payload",
            v3::ToEdge::Payload { session, payload }.encode(),
        ),
        ("datagram_v3", "icmp", v3::ToEdge::Icmp(ping.clone()).encode()),
        ("icmp", "ping_v4", ping),
        ("icmp", "ping_v6", packet(v6, IcmpMessage::EchoReply(echo))),
        ("icmp", "expired_v4", packet(v4, expired)),
    ]
}

/// Packets from one site to another.
fn packets() -> [(&'static str, Bytes); 5] {
    let packet = |source: &str, destination: &str, bytes: usize| {
        let echo = EchoMessage {
            id: 7,
            sequence: 1,
            payload: vec![0; bytes].into(),
        };
        let [source, destination] = [source, destination].map(str::parse);
        let packet = IcmpPacket {
            source: source.unwrap_or(Ipv4Addr::LOCALHOST.into()),
            destination: destination.unwrap_or(Ipv4Addr::LOCALHOST.into()),
            hops: 64,
            message: IcmpMessage::EchoRequest(echo),
        };
        packet.encode().unwrap_or_default()
    };
    [
        ("ping_v4", packet("10.10.0.5", "10.20.0.7", 56)),
        ("ping_v6", packet("fd00:a::5", "fd00:b::7", 56)),
        ("large_v4", packet("10.10.0.5", "10.20.0.7", 1400)),
        ("large_v6", packet("fd00:a::5", "fd00:b::7", 1400)),
        ("nowhere", packet("10.10.0.5", "192.0.2.1", 56)),
    ]
}

/// All that our connector sends on a control stream whose edge refuses it.
async fn registration() -> Done<Vec<u8>> {
    let lanes = RpcLanes::start(1)?;
    let (near, between) = duplex(64 * 1024);
    let (far, edge) = duplex(64 * 1024);
    let (reader, writer) = split(near);
    let (client, carried) = RegistrationClient::start(&lanes, reader, writer);
    let calls = async move {
        let _ = client.register(register_connection()).await;
        let _ = client.update_local_configuration(b"{}".to_vec()).await;
        let _ = client.unregister().await;
    };
    let (edge_reader, edge_writer) = split(edge);
    let served = serve_registration(&lanes, edge_reader, edge_writer, Arc::new(Refusing));
    let (from_connector, to_connector) = split(between);
    let (from_edge, to_edge) = split(far);
    let (_, (), _, sent, _) = tokio::join!(
        carried,
        calls,
        served,
        tee(from_connector, to_edge),
        tee(from_edge, to_connector)
    );
    Ok(sent?)
}

async fn tee(
    mut from: ReadHalf<tokio::io::DuplexStream>,
    mut to: WriteHalf<tokio::io::DuplexStream>,
) -> io::Result<Vec<u8>> {
    let (mut seen, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let read = from.read(&mut chunk).await?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
            let _ = to.shutdown().await;
            return Ok(seen);
        };
        seen.extend_from_slice(bytes);
        to.write_all(bytes).await?;
    }
}
