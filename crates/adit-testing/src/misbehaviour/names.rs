//! Clients that name what is not theirs to name: hosts, and headers that only the edge may set.

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    raw::{each, exchange},
};

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "internal-headers",
        peer: Peer::Client,
        does: "sends every header that only the edge, or the hop behind it, may set",
        outcome: &[Seen::Status(200)],
        bound: "dropped; the edge sets its own",
        run: |target| Box::pin(internal_headers(target)),
    },
    Misbehaviour {
        name: "internal-upgrades",
        peer: Peer::Client,
        does: "asks for a control stream, a configuration update or a TCP flow as the edge would",
        outcome: &[Seen::Status(200)],
        bound: "dropped: the request is an ordinary one",
        run: |target| Box::pin(internal_upgrades(target)),
    },
    Misbehaviour {
        name: "connection-names-headers",
        peer: Peer::Client,
        does: "lists the edge's own headers in Connection, so that the next hop drops them",
        outcome: &[Seen::Status(200)],
        bound: "the edge's headers are set after the client's are gone",
        run: |target| Box::pin(named_by_connection(target)),
    },
    Misbehaviour {
        name: "host-games",
        peer: Peer::Client,
        does: "sends no Host, two, one with a user, an address, 300 labels, blanks or control characters",
        outcome: &[Seen::Status(400), Seen::Status(404)],
        bound: "one readable name or none at all",
        run: |target| Box::pin(host_games(target)),
    },
    Misbehaviour {
        name: "reserved-hosts",
        peer: Peer::Client,
        does: "asks for the API's and the management service's names in every spelling, and in the absolute form",
        outcome: &[Seen::Status(404), Seen::Status(400)],
        bound: "no route leads there, and two names are none",
        run: |target| Box::pin(reserved(target)),
    },
    Misbehaviour {
        name: "absolute-form",
        peer: Peer::Client,
        does: "names one host in its target and another one in Host",
        outcome: &[Seen::Status(400)],
        bound: "two names are none",
        run: |target| Box::pin(absolute(target)),
    },
];

/// The value that must not come through.
const FORGED: &str = "203.0.113.66";

async fn echoed(target: &Target, fields: &str) -> Sight {
    let head = format!(
        "GET /echo HTTP/1.1\r\nHost: {}\r\n{fields}Connection: close\r\n\r\n",
        target.host
    );
    let heard = exchange(target.http, head.as_bytes()).await;
    if heard.contains(FORGED) {
        return Sight::from([Seen::Leak]);
    }
    heard.sight()
}

async fn internal_headers(target: &Target) -> Sight {
    let names = [
        "Cf-Connecting-IP",
        "Cf-Connecting-IPv6",
        "Cf-Ray",
        "Cf-Visitor",
        "Cf-Warp-Tag-Id",
        "Cf-Cloudflared-Proxy-Connection-Upgrade",
        "Cf-Cloudflared-Proxy-Src",
        "Cf-Cloudflared-Proxy-Anything",
        "Cf-Cloudflared-Request-Headers",
        "Cf-Cloudflared-Response-Headers",
        "Cf-Cloudflared-Response-Meta",
        "cF-CLOUDFLARED-flow-id",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
    ];
    let mut sight = Sight::new();
    for name in names.iter().filter(|name| **name != "X-Forwarded-Host") {
        sight.extend(echoed(target, &format!("{name}: {FORGED}\r\n")).await);
    }
    sight
}

async fn internal_upgrades(target: &Target) -> Sight {
    let mut sight = Sight::new();
    for upgrade in ["control-stream", "update-configuration", "websocket"] {
        let fields = format!(
            "Cf-Cloudflared-Proxy-Connection-Upgrade: {upgrade}\r\nCf-Cloudflared-Proxy-Src: {FORGED}\r\n"
        );
        sight.extend(echoed(target, &fields).await);
    }
    sight
}

async fn named_by_connection(target: &Target) -> Sight {
    let head = format!(
        "GET /echo HTTP/1.1\r\nHost: {}\r\nConnection: close, cf-connecting-ip, cf-ray, x-forwarded-for, host\r\n\r\n",
        target.host
    );
    let heard = exchange(target.http, head.as_bytes()).await;
    let text = String::from_utf8_lossy(&heard.bytes).to_lowercase();
    let whole = ["cf-connecting-ip", "x-forwarded-for", &target.host]
        .iter()
        .all(|part| text.contains(part));
    if whole {
        heard.sight()
    } else {
        Sight::from([Seen::Leak])
    }
}

async fn host_games(target: &Target) -> Sight {
    let host = &target.host;
    let deep = format!("{}example", "a.".repeat(300));
    let long = format!("{}.example", "a".repeat(64));
    let lines = [
        String::new(),
        "Host:\r\n".to_owned(),
        "Host:  \r\n".to_owned(),
        format!("Host: {host}\r\nHost: {host}\r\n"),
        format!("Host: {host}\r\nhost: other.example\r\n"),
        format!("Host: user@{host}\r\n"),
        format!("Host: {host}, other.example\r\n"),
        format!("Host: {host}/path\r\n"),
        format!("Host: {host}?x\r\n"),
        format!("Host: {host}:port\r\n"),
        format!("Host: {host}:99999\r\n"),
        format!("Host: {host} \tother.example\r\n"),
        format!("Host: http://{host}\r\n"),
        format!("Host: ..{host}\r\n"),
        "Host: [::1]\r\n".to_owned(),
        "Host: 127.0.0.1\r\n".to_owned(),
        "Host: *\r\n".to_owned(),
        format!("Host: {deep}\r\n"),
        format!("Host: {long}\r\n"),
        "Host: \u{e9}.example\r\n".to_owned(),
        "Host: a\u{1}b.example\r\n".to_owned(),
    ];
    each(
        target.http,
        lines.map(|line| format!("GET / HTTP/1.1\r\n{line}Connection: close\r\n\r\n").into_bytes()),
    )
    .await
}

/// The base domain, which the host is one label below.
fn domain(target: &Target) -> &str {
    target.host.split_once('.').map_or("", |(_, domain)| domain)
}

async fn reserved(target: &Target) -> Sight {
    let domain = domain(target);
    let mut cases = Vec::new();
    for name in ["management", "api"] {
        for host in [
            format!("{name}.{domain}"),
            format!("{}.{domain}:80", name.to_uppercase()),
            format!("{name}.{domain}."),
            format!("{name}.{domain}.:443"),
            format!("x.{name}.{domain}"),
        ] {
            cases.push(format!(
                "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            ));
            cases.push(format!(
                "GET http://{host}/ HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                target.host
            ));
        }
    }
    each(target.http, cases.into_iter().map(String::into_bytes)).await
}

async fn absolute(target: &Target) -> Sight {
    let case = format!(
        "GET http://nobody.example/ HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        target.host
    );
    each(target.http, [case.into_bytes()]).await
}
