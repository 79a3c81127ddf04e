//! Answers of an API that has a bit of everything.

use serde_json::{Value, json};

use crate::recording_api::{BLOG, SHOP, TIME, connection, list, ok, refused, tunnel};

/// Rules for `ingress`.
pub(super) const CONFIGURATION: &str = "ingress:
  - hostname: shop.example
    path: ^/images/
    service: http://localhost:8001
  - hostname: '*.shop.example'
    service: tcp://localhost:2222
  - service: http_status:404
";

const VNET: &str = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";
const ROUTE: &str = "a1ad38fe-a3ee-41a1-9cc9-a0839c6e9d4c";
/// A tunnel that is deleted.
const GONE: &str = "e1744f8b-faa1-48a4-9e5c-02ac921467fb";
const LATER: &str = "2025-02-19T00:00:00Z";
const HALF: &str = "2025-02-19T00:00:00.500000Z";
const TOKEN: &str = "eyJhIjoiNjk5ZDk4NjQyYzU2NGQyZTg1NWU5NjYxODk5YjcyNTIiLCJzIjoiZUhoNGVIaDRlSGg0ZUhoNGVIaDRlSGg0ZUhoNGVIaDRlSGg0ZUhoNGVIZz0iLCJ0IjoiYzE3NDRmOGItZmFhMS00OGE0LTllNWMtMDJhYzkyMTQ2N2ZhIn0=";

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn lost(location: &str) -> Value {
    with(connection(location), "is_pending_reconnect", json!(true))
}

fn blog() -> Value {
    let mut connections = ["DFW", "dfw", "ams"].map(connection).to_vec();
    connections.push(with(lost("ams"), "origin_ip", json!("2001:db8::1")));
    tunnel(BLOG, "blog", connections)
}

fn gone() -> Value {
    let gone = tunnel(GONE, "true", Vec::new());
    with(with(gone, "created_at", json!(HALF)), "deleted_at", json!(LATER))
}

/// Tunnels whose names are hard to print.
fn tunnels() -> Vec<Value> {
    let names = [
        "123",
        "",
        "a # c",
        "- x",
        "y'es",
        "1:20",
        "2025-02-18",
        "null",
        "yes",
        " lead",
        "0x1f",
        "1e3",
        "*.x",
        "it's: so",
        "ümläut: x 日本",
        "a \"q\" \\",
        "tr <a> & b",
    ];
    let named = names.iter().zip(0x10..).map(|(name, number)| {
        let made = tunnel(
            &format!("f0{number:02x}4f8b-faa1-48a4-9e5c-02ac921467fb"),
            name,
            Vec::new(),
        );
        with(made, "created_at", json!(HALF))
    });
    let shop = tunnel(SHOP, "a-shop-with-a-long-name", vec![connection("x: y")]);
    [blog(), shop, gone()].into_iter().chain(named).collect()
}

fn vnet() -> Value {
    json!({
        "id": VNET, "name": "prod", "comment": "the: net", "is_default_network": false, "created_at": TIME, "deleted_at": null,
    })
}

fn route() -> Value {
    json!({
        "id": ROUTE, "network": "10.0.0.0/8", "tunnel_id": BLOG, "virtual_network_id": VNET, "comment": "net",
        "created_at": TIME, "deleted_at": null, "tunnel_name": "blog", "virtual_network_name": "prod",
        "tun_type": "cfd_tunnel",
    })
}

fn route_of_v6() -> Value {
    json!({
        "id": BLOG, "network": "2001:db8::/32", "tunnel_id": SHOP, "comment": "", "created_at": LATER,
        "deleted_at": HALF, "tunnel_name": "shop",
    })
}

fn connectors() -> Value {
    let connector = |id: &str,
                     arch: &str,
                     version: &str,
                     features: Value,
                     run_at: &str,
                     connections: Vec<Value>| {
        json!({
            "id": id, "arch": arch, "version": version, "features": features, "run_at": run_at, "conns": connections,
        })
    };
    json!([
        connector(
            "aaaaaaaa-42b3-473c-b108-ff3d10c0d925",
            "linux_amd64",
            "2026.8.2",
            json!(["a", "b"]),
            TIME,
            vec![connection("dfw"), connection("ams"), lost("ams")]
        ),
        connector(
            "bbaaaaaa-42b3-473c-b108-ff3d10c0d925",
            "linux_arm64",
            "2025.8.2",
            json!([]),
            LATER,
            Vec::new()
        ),
        connector(
            "ccaaaaaa-42b3-473c-b108-ff3d10c0d925",
            "",
            "",
            Value::Null,
            "2025-02-20T00:00:00Z",
            vec![lost("ams")]
        ),
    ])
}

/// Answers every command.
pub(super) fn answers(method: &str, target: &str) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path.starts_with("/zones/") {
        return ok(json!({
            "cname": "new", "name": "shop.adit.localhost", "dns_tag": "x", "load_balancer": "new", "pool": "unchanged",
        }));
    }
    match path.strip_prefix("/cfd_tunnel") {
        Some("") => of_all_tunnels(method, query),
        Some(below) => of_one_tunnel(method, below, query),
        None => of_networks(method, path, query),
    }
}

fn of_all_tunnels(method: &str, query: &str) -> (u16, Value) {
    if method == "POST" {
        return ok(with(tunnel(BLOG, "blog", Vec::new()), "token", json!(TOKEN)));
    }
    let asked = |text: &str| query.contains(text);
    match () {
        () if asked("name=blog") || asked(&format!("uuid={BLOG}")) => list(vec![blog()]),
        () if asked(&format!("uuid={SHOP}")) => list(vec![tunnel(SHOP, "shop", Vec::new())]),
        () if asked("uuid=") || asked("&name=") => list(Vec::new()),
        () if asked("name_prefix=") => list(tunnels().into_iter().take(2).collect()),
        () => list(tunnels()),
    }
}

fn of_one_tunnel(method: &str, below: &str, query: &str) -> (u16, Value) {
    let of = |id: &str| below.starts_with(&format!("/{id}"));
    let part = below.splitn(3, '/').nth(2).unwrap_or_default();
    match (method, part) {
        ("GET", "token") => ok(json!(TOKEN)),
        ("POST", part) if part.starts_with("management/") => ok(json!("eyJ0.management.token")),
        ("GET", "connections") if of(SHOP) || of(GONE) => ok(json!([])),
        ("GET", "connections") => ok(connectors()),
        ("DELETE", "connections") if of(SHOP) => refused(400, 1003, "nope"),
        ("DELETE", "connections") => ok(Value::Null),
        ("GET", "") if of(GONE) => ok(gone()),
        ("GET", "") if of(SHOP) => ok(tunnel(SHOP, "shop", Vec::new())),
        ("DELETE", "") if of(SHOP) && !query.contains("cascade") => refused(400, 1022, "still connected"),
        ("GET" | "DELETE", "") => ok(blog()),
        _ => refused(404, 7003, "no route"),
    }
}

fn of_networks(method: &str, path: &str, query: &str) -> (u16, Value) {
    let asked = |text: &str| query.contains(text);
    let default = with(
        with(vnet(), "id", json!(ROUTE)),
        "is_default_network",
        json!(true),
    );
    let default = with(with(default, "name", json!("default")), "deleted_at", json!(HALF));
    match (method, path) {
        ("GET", "/teamnet/virtual_networks") if asked("name=nobody") => ok(json!([])),
        ("GET", "/teamnet/virtual_networks") if asked("name=prod") => ok(json!([vnet()])),
        ("GET", "/teamnet/virtual_networks") => ok(json!([vnet(), default])),
        ("GET", "/teamnet/routes") if asked("comment=none") || asked("superset=11") => list(Vec::new()),
        ("GET", "/teamnet/routes") if asked("network_superset=10") => list(vec![route()]),
        ("GET", "/teamnet/routes") => list(vec![route(), route_of_v6()]),
        ("GET", "/teamnet/routes/ip/10.1.1.1") => ok(route()),
        ("GET", path) if path.starts_with("/teamnet/routes/ip/") => ok(json!({
            "id": "00000000-0000-0000-0000-000000000000", "tunnel_id": "00000000-0000-0000-0000-000000000000",
            "network": "0.0.0.0/0", "created_at": "0001-01-01T00:00:00Z", "deleted_at": null, "comment": "",
        })),
        (_, path) if path.starts_with("/teamnet/virtual_networks") => ok(default),
        (_, path) if path.starts_with("/teamnet/routes") => ok(route()),
        _ => refused(404, 7003, "no route"),
    }
}
