//! The arrows that may be. ARCHITECTURE.md shows the same map with its reasons.

/// Each crate of the workspace and the crates of the workspace that it may use.
pub(super) const ROWS: &[(&str, &[&str])] = &[
    // The binary wires everything.
    (
        "adit",
        &[
            "adit-api",
            "adit-connector",
            "adit-core",
            "adit-edge",
            "adit-mesh",
            "adit-model",
            "adit-net",
            "adit-rpc",
            "adit-store",
            "adit-wire",
        ],
    ),
    // Parts, which never see each other.
    ("adit-api", &["adit-core", "adit-model", "adit-wire"]),
    (
        "adit-edge",
        &["adit-core", "adit-model", "adit-net", "adit-rpc", "adit-wire"],
    ),
    (
        "adit-connector",
        &["adit-core", "adit-model", "adit-net", "adit-rpc", "adit-wire"],
    ),
    ("adit-mesh", &["adit-core", "adit-model", "adit-net", "adit-wire"]),
    ("adit-store", &["adit-core", "adit-model"]),
    // What they share.
    ("adit-core", &["adit-model"]),
    ("adit-net", &["adit-model", "adit-wire"]),
    ("adit-rpc", &["adit-model", "adit-wire", "adit-wire-capnp"]),
    ("adit-wire", &["adit-model", "adit-wire-capnp"]),
    ("adit-wire-capnp", &[]),
    ("adit-model", &[]),
    // Tools, which ship with nothing.
    (
        "adit-testing",
        &["adit-model", "adit-net", "adit-rpc", "adit-wire"],
    ),
    (
        "adit-bench",
        &[
            "adit-api",
            "adit-core",
            "adit-edge",
            "adit-mesh",
            "adit-model",
            "adit-net",
            "adit-rpc",
            "adit-store",
            "adit-testing",
            "adit-wire",
        ],
    ),
    ("xtask", &[]),
];

/// A dependency from outside that only some crates may know by name.
#[derive(Debug)]
pub(super) struct Kept {
    names: &'static [&'static str],
    pub(super) keepers: &'static [&'static str],
    pub(super) reason: &'static str,
}

const KEPT: &[Kept] = &[
    Kept {
        names: &["quinn", "quinn-proto", "quinn-udp"],
        keepers: &["adit-net"],
        reason: "everyone else uses its streams, which reset unless finished",
    },
    Kept {
        names: &["h2"],
        // Its peers misbehave on purpose, and never ship.
        keepers: &["adit-net", "adit-testing"],
        reason: "everyone else uses its streams, which reset unless finished",
    },
    Kept {
        names: &["capnp", "capnp-rpc", "capnp-futures"],
        keepers: &["adit-rpc", "adit-wire", "adit-wire-capnp"],
        reason: "everyone else uses their types, which are Send and checked",
    },
    Kept {
        names: &["gotatun", "nftables", "rtnetlink", "smoltcp"],
        keepers: &["adit-mesh"],
        reason: "packets, routes and filters of the host are the mesh's business",
    },
    Kept {
        names: &["sqlx"],
        keepers: &["adit-store", "adit-bench"],
        reason: "state is reached through the ports of adit-core",
    },
    Kept {
        names: &["axum"],
        keepers: &["adit-api"],
        reason: "the edge serves with hyper, the binary with what it is given",
    },
    Kept {
        names: &[
            "tokio",
            "tokio-util",
            "tokio-rustls",
            "hyper",
            "hyper-util",
            "socket2",
            "rustix",
            "tracing",
        ],
        keepers: &[
            "adit",
            "adit-api",
            "adit-bench",
            "adit-connector",
            "adit-edge",
            "adit-mesh",
            "adit-net",
            "adit-rpc",
            "adit-store",
            "adit-testing",
        ],
        reason: "what decides does no I/O and reads no clock",
    },
    Kept {
        names: &["ring", "openssl", "openssl-sys", "native-tls"],
        keepers: &[],
        reason: "TLS is rustls with aws-lc-rs",
    },
];

/// The crates of the workspace that `from` may use; `None` for a crate that the table does not know.
pub(super) fn allowed(from: &str) -> Option<&'static [&'static str]> {
    ROWS.iter()
        .find(|(name, _)| *name == from)
        .map(|(_, allowed)| *allowed)
}

/// The rule about a dependency from outside, if there is one.
pub(super) fn kept(name: &str) -> Option<&'static Kept> {
    KEPT.iter().find(|rule| rule.names.contains(&name))
}
