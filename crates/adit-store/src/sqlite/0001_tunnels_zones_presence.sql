-- Times are microseconds since 1970 in UTC, written by Adit. UUIDs are 16 bytes, 32-digit ids are text.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- 'change': the newest change number. 'change_floor': the newest one that was trimmed from `changes`.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO counters (name, value) VALUES ('change', 0), ('change_floor', 0);

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    email TEXT PRIMARY KEY,
    key_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    hash_prefix INTEGER NOT NULL,
    value_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX api_tokens_by_prefix ON api_tokens (hash_prefix);

CREATE TABLE zones (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX zones_by_account ON zones (account_id, created_at);

-- The name is unique over all zones: zones of two accounts never overlap, and those of one account may not hold a
-- name twice. tunnel_id is set exactly while the record is a public route's: a proxied CNAME to a tunnel's host.
CREATE TABLE dns_records (
    id TEXT PRIMARY KEY,
    zone_id TEXT NOT NULL REFERENCES zones (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    proxied INTEGER NOT NULL,
    ttl INTEGER NOT NULL,
    comment TEXT NOT NULL,
    tunnel_id BLOB,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;
CREATE INDEX dns_records_by_zone ON dns_records (zone_id, name);
CREATE INDEX dns_records_by_tunnel ON dns_records (tunnel_id) WHERE tunnel_id IS NOT NULL;

CREATE TABLE tunnels (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    tunnel_id BLOB NOT NULL,
    name TEXT NOT NULL,
    config_source TEXT NOT NULL,
    config_version INTEGER NOT NULL,
    sealed_secret BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    ever_connected INTEGER NOT NULL,
    active_since INTEGER,
    inactive_since INTEGER,
    PRIMARY KEY (account_id, tunnel_id),
    CHECK ((active_since IS NULL) <> (inactive_since IS NULL))
) STRICT;
CREATE UNIQUE INDEX tunnels_live_name ON tunnels (account_id, name) WHERE deleted_at IS NULL;
CREATE INDEX tunnels_newest_first ON tunnels (account_id, created_at DESC, tunnel_id);
CREATE INDEX tunnels_deleted ON tunnels (deleted_at) WHERE deleted_at IS NOT NULL;

-- connector_id is one process; features is a JSON array of texts.
CREATE TABLE connectors (
    account_id TEXT NOT NULL,
    tunnel_id BLOB NOT NULL,
    connector_id BLOB NOT NULL,
    version TEXT NOT NULL,
    arch TEXT NOT NULL,
    features TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, tunnel_id, connector_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
) STRICT;

-- Live while closed_at is null, history afterwards. node_id and boot_id name the run of the edge that holds it.
CREATE TABLE connections (
    connection_id BLOB PRIMARY KEY,
    account_id TEXT NOT NULL,
    tunnel_id BLOB NOT NULL,
    connector_id BLOB NOT NULL,
    connection_index INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    origin_ip TEXT NOT NULL,
    location TEXT NOT NULL,
    node_id BLOB NOT NULL,
    boot_id BLOB NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    close_reason TEXT,
    FOREIGN KEY (account_id, tunnel_id, connector_id)
        REFERENCES connectors (account_id, tunnel_id, connector_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX connections_live ON connections (account_id, tunnel_id, connector_id, connection_index)
    WHERE closed_at IS NULL;
CREATE INDEX connections_of_tunnel ON connections (account_id, tunnel_id, closed_at);
CREATE INDEX connections_of_connector ON connections (account_id, tunnel_id, connector_id);
CREATE INDEX connections_closed ON connections (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    account_id TEXT,
    actor TEXT NOT NULL,
    address TEXT,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL
) STRICT;
CREATE INDEX audit_log_by_time ON audit_log (at);

-- What changed, not into what: readers look up the present state. host is a pattern; a tunnel is its two ids.
CREATE TABLE changes (
    number INTEGER PRIMARY KEY,
    host TEXT,
    account_id TEXT,
    tunnel_id BLOB
) STRICT;
