//! The SOCKS5 server inside a client's WebSocket: nobody logs in, and CONNECT is all there is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use adit_core::ingress::{HostPort, IpRule, may_reach};
use adit_wire::Destination;
use adit_wire::socks::{
    CHOOSE_NO_LOGIN, Command, MAX_MESSAGE_BYTES, NOTHING_ACCEPTABLE, Reply, Request, SocksError,
    decode_open_greeting, decode_request, encode_reply,
};
use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;

use crate::origin::dial::Dialer;
use crate::websocket::{FromClient, ToClient};

/// Who has not said by then where it wants to go is let go.
const DIALOG_LIMIT: Duration = Duration::from_secs(30);
/// Where the server's end is, which the client need not know.
const BOUND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Reads what the client asks for and connects to it, if the rules let it; `None` if it was told why not.
pub(super) async fn connect(
    from: &mut FromClient,
    to: &mut ToClient<'_>,
    dialer: &Dialer,
    rules: &[IpRule],
) -> io::Result<Option<TcpStream>> {
    let Some(request) = asked(from, to).await? else {
        return Ok(None);
    };
    let outcome = match allowed(&request.destination, rules).await {
        Ok(address) => {
            let at = HostPort {
                host: address.ip().to_string(),
                port: address.port(),
            };
            dialer.dial(&at).await.map_err(|error| reason(&error))
        }
        Err(reply) => Err(reply),
    };
    match outcome {
        Ok(tcp) => {
            reply(to, Reply::Succeeded).await?;
            Ok(Some(tcp))
        }
        Err(refusal) => {
            tracing::info!(destination = %request.destination, reply = ?refusal, "a SOCKS client was turned away");
            reply(to, refusal).await?;
            Ok(None)
        }
    }
}

/// Reads what the client asks for, and says that it is connected, as it is; false if it was told why not.
pub(super) async fn connected(from: &mut FromClient, to: &mut ToClient<'_>) -> io::Result<bool> {
    let asked = asked(from, to).await?.is_some();
    if asked {
        reply(to, Reply::Succeeded).await?;
    }
    Ok(asked)
}

/// The address that the client may reach. A name is looked up once, so that what was allowed is what is dialled.
async fn allowed(destination: &Destination, rules: &[IpRule]) -> Result<SocketAddr, Reply> {
    let found: Vec<SocketAddr> = match destination {
        Destination::Address(address) => vec![*address],
        Destination::Host(name, port) => tokio::net::lookup_host((name.as_str(), *port))
            .await
            .map_err(|_| Reply::HostUnreachable)?
            .collect(),
    };
    let mut found = found.into_iter();
    found
        .find(|address| may_reach(rules, *address))
        .ok_or(Reply::NotAllowed)
}

/// The dialog up to the client's request; `None` if it was told why it gets nothing.
async fn asked(from: &mut FromClient, to: &mut ToClient<'_>) -> io::Result<Option<Request>> {
    let dialog = tokio::time::timeout(DIALOG_LIMIT, dialog(from, to)).await;
    dialog.map_err(io::Error::from)?
}

async fn dialog(from: &mut FromClient, to: &mut ToClient<'_>) -> io::Result<Option<Request>> {
    let mut seen = BytesMut::new();
    let offered = match read(from, &mut seen, decode_open_greeting).await? {
        Ok(offered) => offered,
        Err(error) => return Err(io::Error::other(error)),
    };
    if !offered {
        to.send(Bytes::from_static(&NOTHING_ACCEPTABLE)).await?;
        return Ok(None);
    }
    to.send(Bytes::from_static(&CHOOSE_NO_LOGIN)).await?;
    let refusal = match read(from, &mut seen, decode_request).await? {
        Ok(request) if request.command == Command::Connect => {
            from.unread(seen.freeze());
            return Ok(Some(request));
        }
        Ok(_) => Reply::CommandNotSupported,
        Err(SocksError::AddressType) => Reply::AddressTypeNotSupported,
        Err(SocksError::Name) => Reply::HostUnreachable,
        Err(error @ (SocksError::Version | SocksError::Malformed)) => return Err(io::Error::other(error)),
    };
    reply(to, refusal).await?;
    Ok(None)
}

type Decode<T> = fn(&[u8]) -> Result<Option<(T, usize)>, SocksError>;

/// Reads until a message is whole.
async fn read<T>(
    from: &mut FromClient,
    seen: &mut BytesMut,
    decode: Decode<T>,
) -> io::Result<Result<T, SocksError>> {
    loop {
        match decode(seen) {
            Ok(Some((message, length))) => {
                drop(seen.split_to(length));
                return Ok(Ok(message));
            }
            Ok(None) if seen.len() > MAX_MESSAGE_BYTES => return Ok(Err(SocksError::Malformed)),
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
        let chunk = from.next().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        seen.extend_from_slice(&chunk);
    }
}

async fn reply(to: &mut ToClient<'_>, reply: Reply) -> io::Result<()> {
    to.send(Bytes::from(encode_reply(reply, BOUND))).await
}

/// Why a dial failed, as far as SOCKS5 has a word for it.
fn reason(error: &io::Error) -> Reply {
    let kind =
        |error: &(dyn std::error::Error + 'static)| error.downcast_ref::<io::Error>().map(io::Error::kind);
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        match kind(error) {
            Some(io::ErrorKind::ConnectionRefused) => return Reply::ConnectionRefused,
            Some(io::ErrorKind::NetworkUnreachable) => return Reply::NetworkUnreachable,
            Some(io::ErrorKind::TimedOut) => return Reply::TtlExpired,
            _ => cause = error.source(),
        }
    }
    Reply::HostUnreachable
}
