//! A client that speaks SOCKS5.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use adit_net::private::{PrivateDialError, PrivateDialer, PrivateNetwork};
use adit_wire::{
    Destination,
    socks::{
        CHOOSE_LOGIN, Command, LOGIN_ACCEPTED, LOGIN_REFUSED, MAX_MESSAGE_BYTES, NOTHING_ACCEPTABLE, Reply,
        SocksError, decode_greeting, decode_login, decode_request, encode_reply,
    },
};
use tracing::debug;

use super::{
    Proxy, associate,
    dialog::{Dialog, DialogError},
    record::FlowRecord,
    relay::relay,
};

/// What a client is told of the far side of its flow: nothing.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Carries a client's connection to its end.
pub(super) async fn carry(proxy: &Proxy, mut dialog: Dialog, client: SocketAddr) {
    match login(proxy, &mut dialog, client).await {
        Ok(Some(network)) => serve(proxy, dialog, client, network).await,
        Ok(None) => {}
        Err(error) => debug!(%client, %error, "SOCKS handshake ended"),
    }
}

/// The virtual network that the client may enter; `None` if it was refused.
async fn login(
    proxy: &Proxy,
    dialog: &mut Dialog,
    client: SocketAddr,
) -> Result<Option<PrivateNetwork>, DialogError<SocksError>> {
    if !dialog.read(decode_greeting, MAX_MESSAGE_BYTES).await? {
        dialog.say(&NOTHING_ACCEPTABLE).await?;
        return Ok(None);
    }
    dialog.say(&CHOOSE_LOGIN).await?;
    let login = dialog.read(decode_login, MAX_MESSAGE_BYTES).await?;
    let admitted = proxy.gate.admit(client.ip(), &login).await;
    let answer = if admitted.is_ok() {
        LOGIN_ACCEPTED
    } else {
        LOGIN_REFUSED
    };
    dialog.say(&answer).await?;
    Ok(admitted.ok())
}

/// Does what the client asks for.
async fn serve(proxy: &Proxy, mut dialog: Dialog, client: SocketAddr, network: PrivateNetwork) {
    let request = match dialog.read(decode_request, MAX_MESSAGE_BYTES).await {
        Ok(request) => request,
        Err(DialogError::Malformed(error)) => {
            debug!(%client, %error, "bad SOCKS request");
            return dialog.conclude(&encode_reply(malformed(error), NOWHERE)).await;
        }
        Err(error) => return debug!(%client, %error, "SOCKS handshake ended"),
    };
    match request.command {
        Command::Connect => connect(proxy, dialog, client, network, request.destination).await,
        Command::UdpAssociate => {
            let dialer = Arc::clone(&proxy.dialer) as Arc<dyn PrivateDialer>;
            associate::carry(&proxy.context, dialer, dialog, client, network).await;
        }
        Command::Bind | Command::Unknown(_) => {
            let reply = encode_reply(Reply::CommandNotSupported, NOWHERE);
            dialog.conclude(&reply).await;
        }
    }
}

async fn connect(
    proxy: &Proxy,
    mut dialog: Dialog,
    client: SocketAddr,
    network: PrivateNetwork,
    destination: Destination,
) {
    let mut record = FlowRecord::new("socks", client, network, &destination);
    let stream = match proxy.dial(network, &destination, &mut record).await {
        Ok(stream) => stream,
        Err(error) => return dialog.conclude(&encode_reply(reply_to(&error), NOWHERE)).await,
    };
    if dialog.say(&encode_reply(Reply::Succeeded, NOWHERE)).await.is_ok() {
        let (client, ahead) = dialog.into_parts();
        relay(&proxy.context, client, ahead, stream, &mut record).await;
    }
}

const fn malformed(error: SocksError) -> Reply {
    match error {
        SocksError::AddressType => Reply::AddressTypeNotSupported,
        SocksError::Name => Reply::HostUnreachable,
        SocksError::Version | SocksError::Malformed => Reply::Failed,
    }
}

/// What a client is told of a dial that came to nothing.
pub(super) const fn reply_to(error: &PrivateDialError) -> Reply {
    match error {
        PrivateDialError::NoRoute(_) | PrivateDialError::NoSuchHost(_) => Reply::HostUnreachable,
        PrivateDialError::Forbidden(_) => Reply::NotAllowed,
        PrivateDialError::NoConnector | PrivateDialError::OnlyHttp2 => Reply::NetworkUnreachable,
        PrivateDialError::Refused(_) => Reply::ConnectionRefused,
        PrivateDialError::TimedOut => Reply::TtlExpired,
        PrivateDialError::TooMany(_) | PrivateDialError::Broken(_) => Reply::Failed,
    }
}
