//! The calls on zones, their records and public routes.

use adit_core::permission::{DNS_READ, DNS_WRITE, HOST_ROUTE, ZONE_READ};

use super::{
    create_record, delete_record, edit_record, get, get_record, list, list_records,
    record_request::RecordRequest,
    records::DeletedRecord,
    replace_record, route,
    route::{RouteRequest, Routed},
    view::{RecordView, ZoneView},
};
use crate::{
    endpoint::{Access::Groups, Endpoint, Parameter},
    problem::failures::{RECORD, RECORD_VALUE, ROUTE, TUNNEL},
};

const ZONES: &[Parameter] = &[
    Parameter::text("name", "exactly this domain"),
    Parameter::word(
        "status",
        &["initializing", "pending", "active", "moved"],
        "in this state",
    ),
    Parameter::id("account.id", "of this account"),
];

const RECORDS: &[Parameter] = &[
    Parameter::text("name", "exactly this name"),
    Parameter::text("name.exact", "exactly this name"),
    Parameter::text("type", "of this type"),
    Parameter::text("content", "with exactly this target"),
    Parameter::text("content.exact", "with exactly this target"),
    Parameter::flag("proxied", "only those that the edge answers for, or only others"),
];

/// The calls on zones.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let (read, write) = (Groups(DNS_READ), Groups(DNS_WRITE));
    let (records, record) = (
        "/zones/{zone_id}/dns_records",
        "/zones/{zone_id}/dns_records/{dns_record_id}",
    );
    vec![
        Endpoint::get("/zones", "List zones", Groups(ZONE_READ), list)
            .query(ZONES)
            .gives_page::<ZoneView>(),
        Endpoint::get("/zones/{zone_id}", "Show a zone", Groups(ZONE_READ), get).gives::<ZoneView>(),
        Endpoint::put(
            "/zones/{zone_id}/tunnels/{tunnel_id}/routes",
            "Lead a host name to a tunnel",
            Groups(HOST_ROUTE),
            route,
        )
        .takes::<RouteRequest>()
        .gives::<Routed>()
        .fails(TUNNEL)
        .fails(ROUTE),
        Endpoint::get(records, "List records", read, list_records)
            .query(RECORDS)
            .gives_page::<RecordView>(),
        Endpoint::post(records, "Add a record", write, create_record)
            .takes::<RecordRequest>()
            .gives::<RecordView>()
            .fails(RECORD_VALUE),
        Endpoint::get(record, "Show a record", read, get_record)
            .gives::<RecordView>()
            .fails(RECORD),
        Endpoint::put(record, "Replace a record", write, replace_record)
            .takes::<RecordRequest>()
            .gives::<RecordView>()
            .fails(RECORD)
            .fails(RECORD_VALUE),
        Endpoint::patch(record, "Change a record", write, edit_record)
            .takes::<RecordRequest>()
            .gives::<RecordView>()
            .fails(RECORD)
            .fails(RECORD_VALUE),
        Endpoint::delete(record, "Remove a record", write, delete_record)
            .gives::<DeletedRecord>()
            .fails(RECORD),
    ]
}
