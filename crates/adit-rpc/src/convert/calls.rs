//! Between RPC messages and the values of `adit_wire::calls`.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use adit_model::{ConfigVersion, SessionId};
use adit_wire::calls::{ConfigurationAnswer, RegisterUdpSession, UdpSessionAnswer};
use adit_wire_capnp::control_capnp::{
    configuration_manager::{update_configuration_params, update_configuration_results},
    session_manager::{
        register_udp_session_params, register_udp_session_results, unregister_udp_session_params,
    },
};

use super::read_ip;
use crate::RpcError;

/// Most characters kept of a sentence of the peer's.
const MAX_SENTENCE: usize = 1024;
/// Most bytes kept of the spans of a traced flow.
const MAX_SPAN_BYTES: usize = 64 * 1024;

/// A sentence ends in logs, API and terminals: bounded, on one line, without control characters.
fn sentence(text: capnp::text::Reader<'_>) -> String {
    let bytes = text.0.get(..MAX_SENTENCE * 4).unwrap_or(text.0);
    let text = String::from_utf8_lossy(bytes);
    let plain = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_SENTENCE).collect()
}

fn session(bytes: &[u8]) -> Result<SessionId, RpcError> {
    SessionId::from_slice(bytes)
        .ok_or_else(|| RpcError::Peer("the session id does not have 16 bytes".to_owned()))
}

pub(crate) fn read_configuration(
    params: update_configuration_params::Reader<'_>,
) -> Result<(ConfigVersion, Vec<u8>), RpcError> {
    Ok((ConfigVersion(params.get_version()), params.get_config()?.to_vec()))
}

pub(crate) fn write_configuration_answer(
    answer: &ConfigurationAnswer,
    results: update_configuration_results::Builder<'_>,
) {
    let mut out = results.init_result();
    out.set_latest_applied_version(answer.running.0);
    if let Some(refusal) = &answer.refusal {
        out.set_err(&refusal[..]);
    }
}

pub(crate) fn read_configuration_answer(
    results: update_configuration_results::Reader<'_>,
) -> Result<ConfigurationAnswer, RpcError> {
    let answer = results.get_result()?;
    let refusal = answer.get_err()?;
    Ok(ConfigurationAnswer {
        running: ConfigVersion(answer.get_latest_applied_version()),
        refusal: (!refusal.is_empty()).then(|| sentence(refusal)),
    })
}

pub(crate) fn write_session(
    request: &RegisterUdpSession,
    mut params: register_udp_session_params::Builder<'_>,
) {
    params.set_session_id(request.session.as_bytes());
    match request.destination.ip() {
        IpAddr::V4(ip) => params.set_dst_ip(&ip.octets()),
        IpAddr::V6(ip) => params.set_dst_ip(&ip.octets()),
    }
    params.set_dst_port(request.destination.port());
    let idle = i64::try_from(request.close_after_idle.as_nanos()).unwrap_or(i64::MAX);
    params.set_close_after_idle_hint(idle);
    params.set_trace_context(&request.trace_context[..]);
}

pub(crate) fn read_session(
    params: register_udp_session_params::Reader<'_>,
) -> Result<RegisterUdpSession, RpcError> {
    let ip = read_ip(params.get_dst_ip()?)
        .ok_or_else(|| RpcError::Peer("the destination has neither 4 nor 16 bytes".to_owned()))?;
    let idle = u64::try_from(params.get_close_after_idle_hint()).unwrap_or(0);
    Ok(RegisterUdpSession {
        session: session(params.get_session_id()?)?,
        destination: SocketAddr::new(ip, params.get_dst_port()),
        close_after_idle: Duration::from_nanos(idle),
        trace_context: sentence(params.get_trace_context()?),
    })
}

pub(crate) fn write_session_answer(
    answer: &UdpSessionAnswer,
    results: register_udp_session_results::Builder<'_>,
) {
    let mut out = results.init_result();
    match answer {
        Ok(spans) => out.set_spans(spans),
        Err(refusal) => out.set_err(&refusal[..]),
    }
}

pub(crate) fn read_session_answer(
    results: register_udp_session_results::Reader<'_>,
) -> Result<UdpSessionAnswer, RpcError> {
    let answer = results.get_result()?;
    let refusal = answer.get_err()?;
    if !refusal.is_empty() {
        return Ok(Err(sentence(refusal)));
    }
    let spans = answer.get_spans()?;
    Ok(Ok(spans.get(..MAX_SPAN_BYTES).unwrap_or(spans).to_vec()))
}

pub(crate) fn read_session_end(
    params: unregister_udp_session_params::Reader<'_>,
) -> Result<(SessionId, String), RpcError> {
    Ok((
        session(params.get_session_id()?)?,
        sentence(params.get_message()?),
    ))
}
