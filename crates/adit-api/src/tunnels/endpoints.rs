//! The calls on tunnels of type `cfd_tunnel`.

use adit_core::permission::{CFD_READ, CFD_WRITE, TUNNELS_READ};

use super::{
    TunnelChangeRequest, close_connections,
    configuration_status::{ConfigurationStatusView, configuration_status},
    configurations::{ConfigurationRequest, ConfigurationView, configuration, configure},
    connections, connector, create,
    create::{CreatedTunnel, TunnelRequest},
    delete, get, list, list_all_types, token, update,
    view::{ConnectorView, TunnelView},
};
use crate::{
    endpoint::{Access::Groups, Endpoint, Parameter},
    extract::TUNNEL_TYPES,
    problem::failures::{CONFIGURATION, CONFIGURATION_VALUE, EDGE, STILL_CONNECTED, TUNNEL, TUNNEL_NAME},
    problem::network_failures::STILL_ROUTED,
};

/// What lists of tunnels are filtered by; all conditions must hold.
const FILTERS: &[Parameter] = &[
    Parameter::text("name", "exactly this name"),
    Parameter::text("include_prefix", "names that start so"),
    Parameter::text("name_prefix", "the same as include_prefix"),
    Parameter::text("exclude_prefix", "names that do not start so"),
    Parameter::uuid("uuid", "exactly this tunnel"),
    Parameter::flag("is_deleted", "only deleted ones, or only others; both if absent"),
    Parameter::time(
        "existed_at",
        "made at or before this time and not deleted before it",
    ),
    Parameter::time("was_active_at", "had a connection at this time"),
    Parameter::time("was_inactive_at", "had no connection at this time"),
    Parameter::word(
        "status",
        &["inactive", "degraded", "healthy", "down"],
        "in this state",
    ),
];

const TYPES: &[Parameter] = &[Parameter::words("tun_types", TUNNEL_TYPES, "of these types")];

const CLIENT: &[Parameter] = &[Parameter::uuid("client_id", "only those of this connector")];

/// How a deletion treats what is in its way.
const CASCADE: &[Parameter] = &[Parameter::flag(
    "cascade",
    "close its connections and remove its routes instead of refusing",
)];

/// A call that lists tunnels of either kind.
pub(crate) fn lists(call: Endpoint) -> Endpoint {
    call.query(FILTERS).gives_page::<TunnelView>()
}

/// A call that shows one.
pub(crate) fn shows(call: Endpoint) -> Endpoint {
    call.gives::<TunnelView>().fails(TUNNEL)
}

/// A call that changes one.
pub(crate) fn changes(call: Endpoint) -> Endpoint {
    let call = shows(call.takes::<TunnelChangeRequest>());
    call.fails(TUNNEL_NAME).fails(EDGE)
}

/// A call that deletes one.
pub(crate) fn deletes(call: Endpoint) -> Endpoint {
    let call = shows(call.query(CASCADE));
    call.fails(STILL_CONNECTED).fails(STILL_ROUTED).fails(EDGE)
}

/// A call that makes a tunnel.
fn makes(call: Endpoint) -> Endpoint {
    let call = call.takes::<TunnelRequest>().gives::<CreatedTunnel>();
    call.fails(TUNNEL_NAME)
}

/// A call that closes connections of one.
pub(crate) fn closes(call: Endpoint) -> Endpoint {
    call.query(CLIENT).fails(TUNNEL).fails(EDGE)
}

/// The calls on tunnels.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = current();
    endpoints.extend(earlier());
    endpoints
}

/// The same calls on the paths that they had before there was a second type of tunnel.
fn earlier() -> Vec<Endpoint> {
    let (read, write) = (Groups(CFD_READ), Groups(CFD_WRITE));
    let one = "/accounts/{account_id}/tunnels/{tunnel_id}";
    vec![
        makes(Endpoint::post(
            "/accounts/{account_id}/tunnels",
            "Make a tunnel (earlier path)",
            write,
            create,
        )),
        shows(Endpoint::get(
            one,
            "Show a tunnel, deleted or not (earlier path)",
            read,
            get,
        )),
        deletes(Endpoint::delete(
            one,
            "Delete a tunnel (earlier path)",
            write,
            delete,
        )),
        closes(Endpoint::delete(
            "/accounts/{account_id}/tunnels/{tunnel_id}/connections",
            "Close connections (earlier path)",
            write,
            close_connections,
        )),
    ]
}

fn current() -> Vec<Endpoint> {
    let (read, write) = (Groups(CFD_READ), Groups(CFD_WRITE));
    let (all, one) = (
        "/accounts/{account_id}/cfd_tunnel",
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}",
    );
    let configurations = "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/configurations";
    vec![
        makes(Endpoint::post(all, "Make a tunnel", write, create)),
        lists(Endpoint::get(all, "List tunnels", read, list)),
        shows(Endpoint::get(one, "Show a tunnel, deleted or not", read, get)),
        changes(Endpoint::patch(
            one,
            "Change a tunnel's name or secret",
            write,
            update,
        )),
        deletes(Endpoint::delete(one, "Delete a tunnel", write, delete)),
        Endpoint::get(
            "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connections",
            "List the connectors with live connections",
            read,
            connections,
        )
        .gives_all::<ConnectorView>()
        .fails(TUNNEL),
        closes(Endpoint::delete(
            "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connections",
            "Close connections",
            write,
            close_connections,
        )),
        Endpoint::get(
            "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connectors/{connector_id}",
            "Show a connector",
            read,
            connector,
        )
        .gives::<ConnectorView>()
        .fails(TUNNEL),
        Endpoint::get(
            configurations,
            "Show the configuration that connectors take from here",
            read,
            configuration,
        )
        .gives::<ConfigurationView>()
        .fails(CONFIGURATION),
        Endpoint::put(
            configurations,
            "Set the configuration that connectors take from here",
            write,
            configure,
        )
        .takes::<ConfigurationRequest>()
        .gives::<ConfigurationView>()
        .fails(CONFIGURATION)
        .fails(CONFIGURATION_VALUE),
        Endpoint::get(
            "/accounts/{account_id}/adit/tunnels/{tunnel_id}/configuration_status",
            "Show which version each connector runs, and which it refused",
            read,
            configuration_status,
        )
        .gives::<ConfigurationStatusView>()
        .fails(CONFIGURATION),
        Endpoint::get(
            "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/token",
            "Show the token that connectors run with",
            write,
            token,
        )
        .gives::<String>()
        .fails(TUNNEL),
        lists(Endpoint::get(
            "/accounts/{account_id}/tunnels",
            "List tunnels of every type",
            Groups(TUNNELS_READ),
            list_all_types,
        ))
        .query(TYPES),
    ]
}
