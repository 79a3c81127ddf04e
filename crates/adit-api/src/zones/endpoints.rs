//! The calls on zones, their records and public routes.

use adit_core::permission::{DNS_READ, DNS_WRITE, HOST_ROUTE, ZONE_READ, ZONE_WRITE};

use super::{
    change::{self, DeletedZone, ZoneChange, ZoneRequest},
    create_record, delete_record, edit_record, get, get_record, list, list_records,
    record_request::RecordRequest,
    records::DeletedRecord,
    replace_record, route,
    route::{RouteRequest, Routed},
    view::{RecordView, ZoneView},
};
use crate::{
    endpoint::{Access::Groups, Endpoint, Parameter},
    problem::failures::{RECORD, RECORD_VALUE, ROUTE, TUNNEL, ZONE, ZONE_TAKEN},
};

const ZONES: &[Parameter] = &[
    Parameter::text(
        "name",
        "this domain; with equal:, not_equal:, starts_with:, ends_with: or contains: before it, such a domain",
    ),
    Parameter::word(
        "status",
        &["initializing", "pending", "active", "moved"],
        "in this state",
    ),
    Parameter::id("account.id", "of this account"),
    Parameter::text(
        "account.name",
        "of an account of this name; operators as for name",
    ),
    MATCH,
    Parameter::word(
        "order",
        &["name", "status", "account.id", "account.name"],
        "by what they are ordered; newest first if absent",
    ),
    ORDER_DIRECTION,
];

const MATCH: Parameter = Parameter::word(
    "match",
    &["any", "all"],
    "whether any condition is enough; all if absent",
);
const ORDER_DIRECTION: Parameter = Parameter::word("direction", &["asc", "desc"], "the order's direction");

const RECORDS: &[Parameter] = &[
    Parameter::text("name", "exactly this name"),
    Parameter::text("name.exact", "exactly this name"),
    Parameter::text("name.contains", "with this in its name"),
    Parameter::text("name.startswith", "whose name starts so"),
    Parameter::text("name.endswith", "whose name ends so"),
    Parameter::text("type", "of this type"),
    Parameter::text("content", "with exactly this target"),
    Parameter::text("content.exact", "with exactly this target"),
    Parameter::text("content.contains", "with this in its target"),
    Parameter::text("content.startswith", "whose target starts so"),
    Parameter::text("content.endswith", "whose target ends so"),
    Parameter::text("comment", "with exactly this comment"),
    Parameter::text("comment.exact", "with exactly this comment"),
    Parameter::text("comment.contains", "with this in its comment"),
    Parameter::text("comment.startswith", "whose comment starts so"),
    Parameter::text("comment.endswith", "whose comment ends so"),
    Parameter::text("comment.present", "with a comment, whatever is given here"),
    Parameter::text("comment.absent", "without a comment, whatever is given here"),
    Parameter::text("tag", "with exactly this tag, name:value"),
    Parameter::text("tag.exact", "with exactly this tag, name:value"),
    Parameter::text("tag.present", "with a tag of this name"),
    Parameter::text("tag.absent", "without a tag of this name"),
    Parameter::text(
        "tag.contains",
        "with a tag of this name that has this in its value, name:value",
    ),
    Parameter::text(
        "tag.startswith",
        "with a tag of this name whose value starts so, name:value",
    ),
    Parameter::text(
        "tag.endswith",
        "with a tag of this name whose value ends so, name:value",
    ),
    Parameter::word(
        "tag_match",
        &["any", "all"],
        "whether any condition on tags is enough; all if absent",
    ),
    Parameter::text("search", "with this in its name, target, comment or a tag"),
    Parameter::flag("proxied", "only those that the edge answers for, or only others"),
    MATCH,
    Parameter::word(
        "order",
        &["type", "name", "content", "ttl", "proxied"],
        "by what they are ordered; by name if absent",
    ),
    ORDER_DIRECTION,
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
        Endpoint::post("/zones", "Make a zone", Groups(ZONE_WRITE), change::create)
            .takes::<ZoneRequest>()
            .gives::<ZoneView>()
            .fails(ZONE)
            .fails(ZONE_TAKEN),
        Endpoint::patch(
            "/zones/{zone_id}",
            "Pause a zone, or let it go on",
            Groups(ZONE_WRITE),
            change::edit,
        )
        .takes::<ZoneChange>()
        .gives::<ZoneView>()
        .fails(ZONE),
        Endpoint::delete(
            "/zones/{zone_id}",
            "Delete a zone with its records",
            Groups(ZONE_WRITE),
            change::delete,
        )
        .gives::<DeletedZone>()
        .fails(ZONE),
        Endpoint::get("/zones/{zone_id}", "Show a zone", Groups(ZONE_READ), get).gives::<ZoneView>(),
        Endpoint::put(
            "/zones/{zone_id}/tunnels/{tunnel_id}/routes",
            "Lead a host name to a tunnel, or to a pool with the tunnel in it",
            Groups(HOST_ROUTE),
            route,
        )
        .takes::<RouteRequest>()
        .gives::<Routed>()
        .fails(TUNNEL)
        .fails(ZONE)
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
