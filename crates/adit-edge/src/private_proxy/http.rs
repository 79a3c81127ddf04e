//! A client that speaks HTTP: one CONNECT for a connection.

use std::net::SocketAddr;

use adit_net::private::{PrivateDialError, PrivateNetwork};
use adit_wire::{
    Destination, ProxyLogin,
    http_connect::{MAX_HEAD_BYTES, ProxyRequestError, Wanted, decode_proxy_request},
};
use http::StatusCode;
use tracing::debug;

use super::{
    Proxy,
    dialog::{Dialog, DialogError},
    gate::Refused,
    record::FlowRecord,
    relay::relay,
};

const CONNECTED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
const ASK_FOR_LOGIN: &str = "Proxy-Authenticate: Basic realm=\"Adit: virtual network and API token\"\r\n";

/// Carries a client's connection to its end.
pub(super) async fn carry(proxy: &Proxy, mut dialog: Dialog, client: SocketAddr) {
    let request = match dialog.read(decode_proxy_request, MAX_HEAD_BYTES).await {
        Ok(request) => request,
        Err(DialogError::Malformed(error)) => {
            let status = match error {
                ProxyRequestError::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                ProxyRequestError::Malformed => StatusCode::BAD_REQUEST,
            };
            return dialog.conclude(&page(status, "", &error.to_string())).await;
        }
        Err(error) => return debug!(%client, %error, "CONNECT handshake ended"),
    };
    let network = match admit(proxy, client, request.login.as_ref()).await {
        Ok(network) => network,
        Err(refusal) => return dialog.conclude(&refusal).await,
    };
    match request.wants {
        Wanted::Destination(destination) => connect(proxy, dialog, client, network, destination).await,
        Wanted::Nowhere => {
            let page = page(StatusCode::BAD_REQUEST, "", "CONNECT needs a host and a port");
            dialog.conclude(&page).await;
        }
        Wanted::AnotherMethod => {
            let text = "this proxy serves CONNECT alone: curl needs -p for plain http";
            let page = page(StatusCode::METHOD_NOT_ALLOWED, "Allow: CONNECT\r\n", text);
            dialog.conclude(&page).await;
        }
    }
}

/// The virtual network that the client may enter, or what it is told.
async fn admit(
    proxy: &Proxy,
    client: SocketAddr,
    login: Option<&ProxyLogin>,
) -> Result<PrivateNetwork, Vec<u8>> {
    let ask = |text: &str| page(StatusCode::PROXY_AUTHENTICATION_REQUIRED, ASK_FOR_LOGIN, text);
    let Some(login) = login else {
        let text = "the user name is a virtual network's, the password an API token";
        return Err(ask(text));
    };
    let admitted = proxy.gate.admit(client.ip(), login).await;
    admitted.map_err(|refused| match refused {
        Refused::TooOften => page(
            StatusCode::TOO_MANY_REQUESTS,
            "Retry-After: 60\r\n",
            &refused.to_string(),
        ),
        Refused::Token | Refused::Network => ask(&refused.to_string()),
    })
}

async fn connect(
    proxy: &Proxy,
    mut dialog: Dialog,
    client: SocketAddr,
    network: PrivateNetwork,
    destination: Destination,
) {
    let mut record = FlowRecord::new("http", client, network, &destination);
    let stream = match proxy.dial(network, &destination, &mut record).await {
        Ok(stream) => stream,
        Err(error) => {
            let page = page(status_of(&error), "", &error.to_string());
            return dialog.conclude(&page).await;
        }
    };
    if dialog.say(CONNECTED).await.is_ok() {
        let (client, ahead) = dialog.into_parts();
        relay(&proxy.context, client, ahead, stream, &mut record).await;
    }
}

/// What a client is told of a dial that came to nothing.
const fn status_of(error: &PrivateDialError) -> StatusCode {
    match error {
        PrivateDialError::Forbidden(_) => StatusCode::FORBIDDEN,
        PrivateDialError::NoConnector | PrivateDialError::OnlyHttp2 | PrivateDialError::TooMany(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        PrivateDialError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        PrivateDialError::NoRoute(_)
        | PrivateDialError::NoSuchHost(_)
        | PrivateDialError::Refused(_)
        | PrivateDialError::Broken(_) => StatusCode::BAD_GATEWAY,
    }
}

/// An answer that ends the connection. The text may hold a peer's words, which have no place in a head.
fn page(status: StatusCode, headers: &str, text: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {} {}\r\n{headers}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        text.len() + 1,
    );
    [head.as_bytes(), text.as_bytes(), b"\n"].concat()
}
