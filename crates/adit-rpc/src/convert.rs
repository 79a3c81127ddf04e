//! Between RPC messages and the values of `adit_wire::registration`.

pub(crate) mod calls;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use adit_model::{ConnectionId, ConnectionIndex, ConnectorId, TunnelId};
use adit_wire::registration::{
    ClientInfo, ConnectionDetails, PresentedSecret, RegisterConnection, RegistrationAnswer,
    RegistrationRefusal,
};
use adit_wire_capnp::control_capnp::{
    client_info, connection_response,
    registration_server::{register_connection_params, register_connection_results},
};

use crate::RpcError;

/// Most features kept, and most bytes kept of each text a peer describes itself with.
const MAX_FEATURES: u32 = 32;
const MAX_TEXT_BYTES: usize = 64;
/// Most bytes of an account tag or a secret: longer ones cannot be right.
const MAX_CREDENTIAL_BYTES: usize = 4096;

pub(crate) fn read_request(
    params: register_connection_params::Reader<'_>,
) -> Result<RegisterConnection, RpcError> {
    let auth = params.get_auth()?;
    let options = params.get_options()?;
    let secret = auth.get_tunnel_secret()?;
    let account_tag = auth.get_account_tag()?.0;
    if secret.len() > MAX_CREDENTIAL_BYTES || account_tag.len() > MAX_CREDENTIAL_BYTES {
        return Err(RpcError::Peer("the credentials are too long".to_owned()));
    }
    Ok(RegisterConnection {
        account_tag: String::from_utf8_lossy(account_tag).into_owned(),
        secret: PresentedSecret(secret.to_vec()),
        tunnel: TunnelId::from_slice(params.get_tunnel_id()?)
            .ok_or_else(|| RpcError::Peer("the tunnel id does not have 16 bytes".to_owned()))?,
        index: ConnectionIndex(params.get_conn_index()),
        client: read_client(options.get_client()?)?,
        origin_local_ip: read_ip(options.get_origin_local_ip()?),
        previous_attempts: options.get_num_previous_attempts(),
    })
}

fn read_client(client: client_info::Reader<'_>) -> Result<ClientInfo, RpcError> {
    let features = client.get_features()?;
    Ok(ClientInfo {
        id: ConnectorId::from_slice(client.get_client_id()?)
            .ok_or_else(|| RpcError::Peer("the client id does not have 16 bytes".to_owned()))?,
        features: (0..features.len().min(MAX_FEATURES))
            .map(|at| Ok(short_text(features.get(at)?)))
            .collect::<Result<_, RpcError>>()?,
        version: short_text(client.get_version()?),
        arch: short_text(client.get_arch()?),
    })
}

/// What a peer says of itself ends in logs, API and terminals: bounded, and without control characters.
fn short_text(text: capnp::text::Reader<'_>) -> String {
    let bytes = text.0.get(..MAX_TEXT_BYTES).unwrap_or(text.0);
    String::from_utf8_lossy(bytes)
        .chars()
        .filter(|c| !c.is_control())
        .collect()
}

fn read_ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    let octets = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(octets).to_canonical())
}

pub(crate) fn write_request(
    request: &RegisterConnection,
    mut params: register_connection_params::Builder<'_>,
) {
    let mut auth = params.reborrow().init_auth();
    auth.set_account_tag(&request.account_tag[..]);
    auth.set_tunnel_secret(&request.secret.0);
    params.set_tunnel_id(request.tunnel.as_bytes());
    params.set_conn_index(request.index.0);
    let mut options = params.init_options();
    options.set_num_previous_attempts(request.previous_attempts);
    match request.origin_local_ip {
        Some(IpAddr::V4(ip)) => options.set_origin_local_ip(&ip.to_ipv6_mapped().octets()),
        Some(IpAddr::V6(ip)) => options.set_origin_local_ip(&ip.octets()),
        None => {}
    }
    let mut client = options.init_client();
    client.set_client_id(request.client.id.as_bytes());
    client.set_version(&request.client.version[..]);
    client.set_arch(&request.client.arch[..]);
    let count = u32::try_from(request.client.features.len()).unwrap_or(MAX_FEATURES);
    let mut features = client.init_features(count);
    for (at, feature) in (0..count).zip(&request.client.features) {
        features.set(at, &feature[..]);
    }
}

pub(crate) fn write_answer(answer: &RegistrationAnswer, results: register_connection_results::Builder<'_>) {
    let union = results.init_result().init_result();
    match answer {
        Ok(details) => {
            let mut out = union.init_connection_details();
            out.set_uuid(details.connection.as_bytes());
            out.set_location_name(&details.location[..]);
            out.set_tunnel_is_remotely_managed(details.remotely_managed);
        }
        Err(refusal) => {
            let mut out = union.init_error();
            out.set_cause(&refusal.cause[..]);
            out.set_retry_after(i64::try_from(refusal.retry_after.as_nanos()).unwrap_or(i64::MAX));
            out.set_should_retry(refusal.should_retry);
        }
    }
}

pub(crate) fn read_answer(
    results: register_connection_results::Reader<'_>,
) -> Result<RegistrationAnswer, RpcError> {
    use connection_response::result::Which;

    match results.get_result()?.get_result().which()? {
        Which::ConnectionDetails(details) => {
            let details = details?;
            Ok(Ok(ConnectionDetails {
                connection: ConnectionId::from_slice(details.get_uuid()?)
                    .ok_or_else(|| RpcError::Peer("the connection id does not have 16 bytes".to_owned()))?,
                location: short_text(details.get_location_name()?),
                remotely_managed: details.get_tunnel_is_remotely_managed(),
            }))
        }
        Which::Error(error) => {
            let error = error?;
            Ok(Err(RegistrationRefusal {
                cause: String::from_utf8_lossy(error.get_cause()?.0)
                    .chars()
                    .take(512)
                    .collect(),
                retry_after: Duration::from_nanos(u64::try_from(error.get_retry_after()).unwrap_or(0)),
                should_retry: error.get_should_retry(),
            }))
        }
    }
}
