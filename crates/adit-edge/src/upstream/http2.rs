//! An exchange on an HTTP/2 stream: user headers of the answer come packed into one header.

use adit_net::h2::{H2Response, H2Session};
use adit_wire::{
    ConnectAnswer, ConnectFailure, FlowKind, RequestHead, ResponseHead,
    http2::{
        RESPONSE_HEADERS, RESPONSE_META, ResponseSource, TCP_SOURCE_HEADER, UPGRADE_HEADER,
        UPGRADE_WEBSOCKET, deserialize_headers,
    },
};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};

use super::{Answer, Download, Upload, UpstreamError};

pub(super) async fn open(
    session: &H2Session,
    head: &RequestHead,
    has_body: bool,
) -> Result<(Upload, Answer), UpstreamError> {
    let websocket = match head.kind {
        FlowKind::Tcp => return open_tcp(session, head).await,
        FlowKind::WebSocket => true,
        FlowKind::Http => false,
    };
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri(head)?;
    *request.headers_mut() = head.headers.clone();
    // Framing is the stream's own business here.
    request.headers_mut().remove(header::TRANSFER_ENCODING);
    if websocket {
        request
            .headers_mut()
            .insert(UPGRADE_HEADER, HeaderValue::from_static(UPGRADE_WEBSOCKET));
    }
    let (response, body) = session
        .open(request, !has_body)
        .await
        .map_err(|_| UpstreamError::NotSent)?;
    Ok((Upload::Http2(body), Answer::Http2 { response, websocket }))
}

/// A flow of bytes: the authority is where it goes, and a header of its own tells it from a request.
async fn open_tcp(session: &H2Session, head: &RequestHead) -> Result<(Upload, Answer), UpstreamError> {
    let mut request = Request::new(());
    let malformed = |_| UpstreamError::Malformed("the destination is no address".to_owned());
    *request.uri_mut() = format!("http://{}/", head.dest).parse().map_err(malformed)?;
    let source = head
        .flow_id
        .as_deref()
        .and_then(|id| HeaderValue::from_str(id).ok());
    let source = source.filter(|source| !source.is_empty());
    request.headers_mut().insert(
        TCP_SOURCE_HEADER,
        source.unwrap_or(HeaderValue::from_static("adit")),
    );
    let opened = session.open(request, false).await;
    let (response, body) = opened.map_err(|_| UpstreamError::NotSent)?;
    let answer = Answer::Http2 {
        response,
        websocket: false,
    };
    Ok((Upload::Http2(body), answer))
}

/// Scheme, path and query are those of `dest`; the authority is the Host that the client asked for.
fn uri(head: &RequestHead) -> Result<Uri, UpstreamError> {
    let malformed = || UpstreamError::Malformed("the request's target is no URL".to_owned());
    let dest = head.dest.parse::<Uri>().map_err(|_| malformed())?;
    let mut parts = dest.into_parts();
    parts.authority = Some(head.host.parse().map_err(|_| malformed())?);
    Uri::from_parts(parts).map_err(|_| malformed())
}

pub(super) async fn read_head(
    response: H2Response,
    websocket: bool,
) -> Result<(ConnectAnswer, Download), UpstreamError> {
    let (parts, body) = response.await?;
    let source = parts
        .headers
        .get(RESPONSE_META)
        .map(|meta| ResponseSource::from_meta(meta.as_bytes()));
    if let Some(ResponseSource::Connector { flow_limited }) = source {
        let message = "the connector could not reach the origin".to_owned();
        return Ok((
            ConnectAnswer::Failed(ConnectFailure {
                message,
                flow_limited,
            }),
            Download::Http2(body),
        ));
    }
    let headers = match parts.headers.get(RESPONSE_HEADERS) {
        Some(packed) => deserialize_headers(packed.as_bytes())
            .map_err(|error| UpstreamError::Malformed(error.to_string()))?,
        None => HeaderMap::new(),
    };
    let status = user_status(parts.status, &headers, websocket);
    Ok((
        ConnectAnswer::Accepted(ResponseHead { status, headers }),
        Download::Http2(body),
    ))
}

/// HTTP/2 knows no 101: an accepted WebSocket comes as 200, told from a refusal by what only a handshake carries.
fn user_status(status: StatusCode, headers: &HeaderMap, websocket: bool) -> StatusCode {
    let accepted =
        websocket && status == StatusCode::OK && headers.contains_key(header::SEC_WEBSOCKET_ACCEPT);
    if accepted {
        StatusCode::SWITCHING_PROTOCOLS
    } else {
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_websocket_becomes_a_101_and_a_refused_one_stays() {
        let mut accepted = HeaderMap::new();
        accepted.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static("x"));
        assert_eq!(
            user_status(StatusCode::OK, &accepted, true),
            StatusCode::SWITCHING_PROTOCOLS
        );
        assert_eq!(
            user_status(StatusCode::OK, &HeaderMap::new(), true),
            StatusCode::OK
        );
        assert_eq!(user_status(StatusCode::OK, &accepted, false), StatusCode::OK);
    }
}
