//! Parameters of a call, in its path and in its query.

use serde_json::{Value, json};

use crate::endpoint::{Kind, Parameter};

/// The variable parts of a path.
pub(super) fn in_path(path: &str) -> Vec<Value> {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let schema = of_path(name).map_or_else(|| json!({"type": "string"}), schema);
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect()
}

/// What the variable part of a path that has this name looks like; `None` if no name of that kind is known.
pub(super) fn of_path(name: &str) -> Option<Kind> {
    match name {
        "account_id"
        | "zone_id"
        | "dns_record_id"
        | "load_balancer_id"
        | "pool_id"
        | "permission_group_id"
        | "token_id" => Some(Kind::Id),
        "tunnel_id" | "connector_id" | "virtual_network_id" | "route_id" | "hostname_route_id"
        | "subnet_id" | "device_id" => Some(Kind::Uuid),
        "resource" => Some(Kind::Word(&["logs", "admin", "host_details"])),
        "hostname" | "ip" | "ip_network_encoded" | "prefix_length" => Some(Kind::Text),
        "address_family" => Some(Kind::Word(&["v4", "v6"])),
        _ => None,
    }
}

/// A parameter of the query.
pub(super) fn in_query(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": "query",
        "description": parameter.says,
        "schema": schema(parameter.kind),
    })
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Uuid => json!({"type": "string", "format": "uuid"}),
        Kind::Id => json!({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Time => json!({"type": "string", "format": "date-time"}),
        Kind::Number(most) => json!({"type": "integer", "minimum": 1, "maximum": most}),
        Kind::Word(words) => json!({"type": "string", "enum": words}),
        Kind::Words(words) => {
            json!({"type": "string", "description": format!("some of {}, separated by commas or repeated", words.join(", "))})
        }
    }
}
