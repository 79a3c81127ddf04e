//! One stream of the edge: head in, origin asked, answer out.

mod http;
mod opening;
mod push;
mod tcp;
mod told;
mod upload;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode};
use adit_model::ConnectionIndex;
use adit_net::quic::{RecvStream, SendStream};
use adit_rpc::serve_connector_calls;
use adit_wire::{ConnectAnswer, ConnectFailure, FlowKind, RequestHead, ResponseHead};
use bytes::Bytes;
use tokio::io::AsyncReadExt;

use crate::configuration::Configurations;
use crate::flow::{Answering, Asking, FlowError, LimitedSend};
use crate::origin::{Guard, Origin, Verdict, path_of};
use crate::private::{self, Carrier, EdgeCalls};
use crate::serving::Proxy;
use opening::Opening;
pub(crate) use push::take_push;
pub(crate) use tcp::accepted as accepted_websocket;
use told::Told;
pub(crate) use upload::Upload;

/// A stream whose head is not whole by then is reset.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Why a stream ended without a whole answer; it is reset.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the origin's answer broke off")]
    Origin(#[source] hyper::Error),
    #[error("the byte stream broke off")]
    Stream(#[from] io::Error),
    #[error("the edge took no more of the answer")]
    Edge(#[from] FlowError),
}

/// Serves one QUIC stream from its first byte to the receipt of its last. Dropping the future resets it.
pub(crate) async fn serve(proxy: Arc<Proxy>, carrier: Arc<Carrier>, send: SendStream, mut recv: RecvStream) {
    let opened = tokio::time::timeout(HEAD_LIMIT, opening::read(&mut recv)).await;
    match opened {
        Ok(Ok(Opening::Request(head, first))) => {
            let reply = Answering::Quic {
                send: LimitedSend::new(send, proxy.write_limit),
                framed: head.extras.trailers && head.kind == FlowKind::Http,
            };
            let upload = Upload::new(first, Asking::Quic(recv));
            answer(&proxy, carrier.index(), head, upload, reply).await;
        }
        Ok(Ok(Opening::Malformed(reason))) => {
            let send = LimitedSend::new(send, proxy.write_limit);
            let mut reply = Answering::Quic { send, framed: false };
            if refuse(&mut reply, reason).await.is_ok() {
                reply.finish();
            }
        }
        Ok(Ok(Opening::Rpc(first))) => calls(proxy, carrier, first, recv, send).await,
        Ok(Err(reason)) => tracing::debug!(%reason, "a stream did not open as a request"),
        Err(_elapsed) => tracing::debug!("a stream did not open in time"),
    }
}

/// Answers the calls on a stream that the edge opened for them.
async fn calls(proxy: Arc<Proxy>, carrier: Arc<Carrier>, first: Bytes, recv: RecvStream, send: SendStream) {
    let lanes = Arc::clone(&proxy.lanes);
    let service = Arc::new(EdgeCalls::new(Configurations::new(proxy), carrier));
    let reader = io::Cursor::new(first).chain(recv);
    if let Err(error) = serve_connector_calls(&lanes, reader, send, service).await {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a call of the edge broke off"
        );
    }
}

/// Serves one request of an HTTP/2 session to the end of its answer. Dropping the future resets it.
pub(crate) async fn serve_http2(
    proxy: Arc<Proxy>,
    connection: ConnectionIndex,
    head: Box<RequestHead>,
    asking: Asking,
    reply: Answering,
) {
    answer(&proxy, connection, head, Upload::new(Bytes::new(), asking), reply).await;
}

/// Serves one request or flow, whatever carries it, to the receipt of its last byte.
async fn answer(
    proxy: &Proxy,
    connection: ConnectionIndex,
    head: Box<RequestHead>,
    upload: Upload,
    mut reply: Answering,
) {
    let running = proxy.metrics.request_began();
    let mut stopped = reply.stopped();
    let outcome = tokio::select! {
        outcome = exchange(proxy, connection, head, upload, &mut reply) => outcome,
        // The edge wants no answer any more, or is gone: dropping the exchange cancels it at the origin.
        () = &mut stopped => {
            tracing::debug!("the edge cancelled a request");
            return;
        }
    };
    drop(running);
    match outcome {
        Ok(()) => {
            reply.finish();
            // Until the edge has it all, closing the connection would lose the rest.
            stopped.await;
        }
        Err(broken) => {
            proxy.metrics.request_failed();
            tracing::debug!(error = &broken as &dyn std::error::Error, "a stream broke off");
        }
    }
}

/// What few streams are is on the heap, so that the task of every stream need not have room for it.
async fn exchange(
    proxy: &Proxy,
    connection: ConnectionIndex,
    head: Box<RequestHead>,
    upload: Upload,
    reply: &mut Answering,
) -> Result<(), Broken> {
    if head.kind == FlowKind::Tcp {
        return Ok(Box::pin(private::carry_tcp(proxy, &head, upload, reply)).await?);
    }
    if head.method == Method::CONNECT {
        let text = "CONNECT is no request to an origin";
        return Ok(refuse(reply, text.to_owned()).await?);
    }
    if let Some(management) = proxy
        .management
        .as_ref()
        .filter(|service| service.is_meant(&head.host))
    {
        return Ok(Box::pin(management.serve(proxy, &head, upload, reply)).await?);
    }
    let serving = proxy.serving();
    let matched = serving.ingress.find(&head.host, path_of(&head.dest));
    let Some(served) = serving.origins.get(matched.index) else {
        return Ok(refuse(reply, "the rule has no origin".to_owned()).await?);
    };
    let told = Told {
        connection,
        rule: matched.index,
        service: &matched.rule.service,
    };
    told.request(&head);
    if let Some(guard) = &served.guard
        && !Box::pin(let_through(guard, proxy, &head, reply)).await?
    {
        return Ok(());
    }
    let failed = match &*served.origin {
        Origin::Http(origin) => http::ask(proxy, origin, &told, head, upload, reply).await?,
        Origin::Tcp(origin) => Box::pin(tcp::carry(proxy, origin, &head, upload, reply)).await?,
        Origin::Status(status) => {
            status_only(proxy, *status, reply).await?;
            None
        }
    };
    if let Some(reason) = failed {
        told.failed(&reason);
    }
    Ok(())
}

/// Whether a request passes the check of its rule; otherwise it has its answer.
async fn let_through(
    guard: &Guard,
    proxy: &Proxy,
    head: &RequestHead,
    reply: &mut Answering,
) -> io::Result<bool> {
    match guard.check(&head.headers).await {
        Verdict::Allowed => return Ok(true),
        Verdict::Forbidden(reason) => {
            tracing::info!(reason, host = head.host, "request filtered by the access check");
            status_only(proxy, StatusCode::FORBIDDEN, reply).await?;
        }
        Verdict::Failed(reason) => {
            proxy.metrics.request_failed();
            tracing::warn!(
                reason,
                host = head.host,
                "a request's access token cannot be checked"
            );
            refuse(reply, reason).await?;
        }
    }
    Ok(false)
}

/// Answers with a status and no body.
async fn status_only(proxy: &Proxy, status: StatusCode, reply: &mut Answering) -> io::Result<()> {
    let head = ResponseHead {
        status,
        headers: HeaderMap::new(),
    };
    proxy.metrics.answered(status);
    accept(reply, head, Bytes::new()).await?;
    Ok(reply.end_body(None).await?)
}

/// Sends the head of an answer with the first bytes of its body, which may be none.
fn accept(
    reply: &mut Answering,
    head: ResponseHead,
    first: Bytes,
) -> impl Future<Output = Result<(), FlowError>> {
    reply.answer(ConnectAnswer::Accepted(head), first)
}

/// Tells the edge why there is no answer of an origin; it answers the client with 502.
fn refuse(reply: &mut Answering, message: String) -> impl Future<Output = Result<(), FlowError>> {
    let failure = ConnectFailure {
        message,
        flow_limited: false,
    };
    reply.answer(ConnectAnswer::Failed(failure), Bytes::new())
}
