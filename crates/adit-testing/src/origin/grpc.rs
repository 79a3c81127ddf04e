//! An origin that speaks gRPC: HTTP/2 over TLS, with trailers both ways.

use std::{net::SocketAddr, sync::Arc};

use adit_net::tls::{CertificateSlot, public_config};
use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::scripted::TestIdentity;

/// Answers every call with the bytes that it was given, and with the trailer `grpc-status: 0`. Its certificate is trusted by nobody.
/// Dropping it ends it.
#[derive(Debug)]
pub struct GrpcOrigin {
    addr: SocketAddr,
    _serving: JoinSet<()>,
}

impl GrpcOrigin {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let identity = TestIdentity::named(&["localhost"]).identity;
        let config = public_config(CertificateSlot::new(&identity)).expect("a configuration");
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                clients.spawn(serve(acceptor.clone(), client));
            }
        });
        Self {
            addr,
            _serving: serving,
        }
    }

    /// Where it listens, as the service of an ingress rule.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.addr)
    }
}

async fn serve(acceptor: TlsAcceptor, client: TcpStream) {
    let Ok(stream) = acceptor.accept(client).await else {
        return;
    };
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    let mut calls = JoinSet::new();
    while let Some(Ok((request, respond))) = connection.accept().await {
        calls.spawn(answer(request, respond));
    }
}

/// A client that went away needs no answer, so no error is told.
async fn answer(mut request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let mut head = Response::new(());
    let grpc = HeaderValue::from_static("application/grpc");
    head.headers_mut().insert(header::CONTENT_TYPE, grpc);
    let Ok(mut body) = respond.send_response(head, false) else {
        return;
    };
    while let Some(Ok(bytes)) = request.body_mut().data().await {
        let _ = request.body_mut().flow_control().release_capacity(bytes.len());
        let _ = body.send_data(bytes, false);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let _ = body.send_trailers(trailers);
}
