//! The calls on tunnels of type `warp_connector`.

use adit_core::permission::{WARP_READ, WARP_TOKEN, WARP_WRITE};

use super::{
    close::close_connections,
    configuration::{SiteConfigurationRequest, SiteConfigurationView, configuration, configure},
    create::{CreatedSite, SiteRequest, create},
    delete,
    events::{HaEventView, events},
    failover::{FailedOver, FailoverTarget, failover},
    get, list,
    replicas::{connections, connector},
    settings::{HaSettingsRequest, HaSettingsView, set_settings, settings},
    token, update,
    view::ReplicaView,
};
use crate::{
    endpoint::{Access::Groups, Endpoint, Parameter},
    problem::failures::{EDGE, FAILOVER, TUNNEL, TUNNEL_NAME},
    tunnels::{changes, closes, deletes, lists, shows},
};

/// Whether a replica becomes active whose own network is unwell.
const FORCE: &[Parameter] = &[Parameter::flag(
    "force",
    "also if the replica reports that its own network is unwell",
)];

/// The calls on sites.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let (read, write) = (Groups(WARP_READ), Groups(WARP_WRITE));
    let (all, one) = (
        "/accounts/{account_id}/warp_connector",
        "/accounts/{account_id}/warp_connector/{tunnel_id}",
    );
    let configurations = "/accounts/{account_id}/warp_connector/{tunnel_id}/configurations";
    vec![
        Endpoint::post(all, "Make a site", write, create)
            .takes::<SiteRequest>()
            .gives::<CreatedSite>()
            .fails(TUNNEL_NAME),
        lists(Endpoint::get(all, "List sites", read, list)),
        shows(Endpoint::get(one, "Show a site, deleted or not", read, get)),
        changes(Endpoint::patch(
            one,
            "Change a site's name or secret",
            write,
            update,
        )),
        deletes(Endpoint::delete(one, "Delete a site", write, delete)),
        Endpoint::get(
            "/accounts/{account_id}/warp_connector/{tunnel_id}/token",
            "Show the token that replicas join with",
            Groups(WARP_TOKEN),
            token,
        )
        .gives::<String>()
        .fails(TUNNEL),
        Endpoint::get(
            "/accounts/{account_id}/warp_connector/{tunnel_id}/connections",
            "List the replicas: the linked ones, and those of the last day",
            read,
            connections,
        )
        .gives_all::<ReplicaView>()
        .fails(TUNNEL)
        .fails(EDGE),
        closes(Endpoint::delete(
            "/accounts/{account_id}/warp_connector/{tunnel_id}/connections",
            "End sessions of replicas; who enrolled with an earlier secret, or is named and offline, loses its link",
            write,
            close_connections,
        )),
        Endpoint::get(
            "/accounts/{account_id}/warp_connector/{tunnel_id}/connectors/{connector_id}",
            "Show a replica",
            read,
            connector,
        )
        .gives::<ReplicaView>()
        .fails(TUNNEL)
        .fails(EDGE),
        Endpoint::put(
            "/accounts/{account_id}/warp_connector/{tunnel_id}/failover",
            "Make a replica active",
            write,
            failover,
        )
        .query(FORCE)
        .takes::<FailoverTarget>()
        .gives::<FailedOver>()
        .fails(TUNNEL)
        .fails(FAILOVER)
        .fails(EDGE),
        Endpoint::get(
            configurations,
            "Show how the site is kept available",
            read,
            configuration,
        )
        .gives::<SiteConfigurationView>()
        .fails(TUNNEL),
        Endpoint::put(
            configurations,
            "Set how the site is kept available",
            write,
            configure,
        )
        .takes::<SiteConfigurationRequest>()
        .gives::<SiteConfigurationView>()
        .fails(TUNNEL),
    ]
}

/// The calls on sites that the vendor has not.
pub(crate) fn own_endpoints() -> Vec<Endpoint> {
    let (read, write) = (Groups(WARP_READ), Groups(WARP_WRITE));
    let ha_settings = "/accounts/{account_id}/adit/warp_connector/{tunnel_id}/ha_settings";
    vec![
        Endpoint::get(
            ha_settings,
            "Show how eagerly the site fails over",
            read,
            settings,
        )
        .gives::<HaSettingsView>()
        .fails(TUNNEL),
        Endpoint::put(
            ha_settings,
            "Set how eagerly the site fails over",
            write,
            set_settings,
        )
        .takes::<HaSettingsRequest>()
        .gives::<HaSettingsView>()
        .fails(TUNNEL),
        Endpoint::get(
            "/accounts/{account_id}/adit/warp_connector/{tunnel_id}/ha_events",
            "List the failovers of the site, newest first: causes, from where to where, and gaps",
            read,
            events,
        )
        .gives_page::<HaEventView>()
        .fails(TUNNEL),
    ]
}
