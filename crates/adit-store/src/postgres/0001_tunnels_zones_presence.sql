-- Times are microseconds since 1970 in UTC, written by Adit. 32-digit ids are text. Texts compare by their bytes, as
-- SQLite's do, whatever the database's own collation is.

CREATE TABLE meta (
    key TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

-- 'change': the newest change number. 'change_floor': the newest one that was trimmed from `changes`.
CREATE TABLE counters (
    name TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('change', 0), ('change_floor', 0);

CREATE TABLE accounts (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    email TEXT COLLATE "C" PRIMARY KEY,
    key_hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id TEXT COLLATE "C" PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name TEXT COLLATE "C" NOT NULL,
    hash_prefix BIGINT NOT NULL,
    value_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);
CREATE INDEX api_tokens_by_prefix ON api_tokens (hash_prefix);

CREATE TABLE zones (
    id TEXT COLLATE "C" PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);
CREATE INDEX zones_by_account ON zones (account_id, created_at);

-- The name is unique over all zones: zones of two accounts never overlap, and those of one account may not hold a
-- name twice. tunnel_id is set exactly while the record is a public route's: a proxied CNAME to a tunnel's host.
CREATE TABLE dns_records (
    id TEXT COLLATE "C" PRIMARY KEY,
    zone_id TEXT COLLATE "C" NOT NULL REFERENCES zones (id),
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    content TEXT COLLATE "C" NOT NULL,
    proxied BOOLEAN NOT NULL,
    ttl BIGINT NOT NULL,
    comment TEXT COLLATE "C" NOT NULL,
    tunnel_id UUID,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);
CREATE INDEX dns_records_by_zone ON dns_records (zone_id, name);
CREATE INDEX dns_records_by_tunnel ON dns_records (tunnel_id) WHERE tunnel_id IS NOT NULL;

CREATE TABLE tunnels (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    tunnel_id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    config_source TEXT COLLATE "C" NOT NULL,
    config_version BIGINT NOT NULL,
    sealed_secret BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    ever_connected BOOLEAN NOT NULL,
    active_since BIGINT,
    inactive_since BIGINT,
    PRIMARY KEY (account_id, tunnel_id),
    CHECK ((active_since IS NULL) <> (inactive_since IS NULL))
);
CREATE UNIQUE INDEX tunnels_live_name ON tunnels (account_id, name) WHERE deleted_at IS NULL;
CREATE INDEX tunnels_newest_first ON tunnels (account_id, created_at DESC, tunnel_id);
CREATE INDEX tunnels_deleted ON tunnels (deleted_at) WHERE deleted_at IS NOT NULL;

-- connector_id is one process; features is a JSON array of texts.
CREATE TABLE connectors (
    account_id TEXT COLLATE "C" NOT NULL,
    tunnel_id UUID NOT NULL,
    connector_id UUID NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    arch TEXT COLLATE "C" NOT NULL,
    features TEXT COLLATE "C" NOT NULL,
    run_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, tunnel_id, connector_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
);

-- Live while closed_at is null, history afterwards. node_id and boot_id name the run of the edge that holds it.
CREATE TABLE connections (
    connection_id UUID PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL,
    tunnel_id UUID NOT NULL,
    connector_id UUID NOT NULL,
    connection_index BIGINT NOT NULL,
    protocol TEXT COLLATE "C" NOT NULL,
    origin_ip TEXT COLLATE "C" NOT NULL,
    location TEXT COLLATE "C" NOT NULL,
    node_id UUID NOT NULL,
    boot_id UUID NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    close_reason TEXT COLLATE "C",
    FOREIGN KEY (account_id, tunnel_id, connector_id)
        REFERENCES connectors (account_id, tunnel_id, connector_id) ON DELETE CASCADE
);
CREATE INDEX connections_live ON connections (account_id, tunnel_id, connector_id, connection_index)
    WHERE closed_at IS NULL;
CREATE INDEX connections_of_tunnel ON connections (account_id, tunnel_id, closed_at);
CREATE INDEX connections_of_connector ON connections (account_id, tunnel_id, connector_id);
CREATE INDEX connections_closed ON connections (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE audit_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    account_id TEXT COLLATE "C",
    actor TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C",
    request_id TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_log_by_time ON audit_log (at);

-- What changed, not into what: readers look up the present state. host is a pattern; a tunnel is its two ids.
CREATE TABLE changes (
    number BIGINT PRIMARY KEY,
    host TEXT COLLATE "C",
    account_id TEXT COLLATE "C",
    tunnel_id UUID
);
