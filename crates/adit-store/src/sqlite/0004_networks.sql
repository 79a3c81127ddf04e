-- Networks: family is 4 or 6; first_address and last_address are 16 bytes, IPv4 mapped into IPv6, so that ranges compare
-- as bytes; prefix_length counts from the first bit of an address of the family.

CREATE TABLE virtual_networks (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    virtual_network_id BLOB NOT NULL,
    name TEXT NOT NULL,
    comment TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (account_id, virtual_network_id)
) STRICT;
CREATE UNIQUE INDEX virtual_networks_live_name ON virtual_networks (account_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX virtual_networks_default ON virtual_networks (account_id)
    WHERE is_default AND deleted_at IS NULL;
CREATE INDEX virtual_networks_deleted ON virtual_networks (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE ip_routes (
    account_id TEXT NOT NULL,
    route_id BLOB NOT NULL,
    virtual_network_id BLOB NOT NULL,
    tunnel_id BLOB NOT NULL,
    family INTEGER NOT NULL,
    first_address BLOB NOT NULL,
    last_address BLOB NOT NULL,
    prefix_length INTEGER NOT NULL,
    comment TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (account_id, route_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE,
    FOREIGN KEY (account_id, virtual_network_id)
        REFERENCES virtual_networks (account_id, virtual_network_id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX ip_routes_live_network ON ip_routes (account_id, virtual_network_id, family, first_address, last_address)
    WHERE deleted_at IS NULL;
CREATE INDEX ip_routes_by_network ON ip_routes (account_id, family, first_address, last_address);
CREATE INDEX ip_routes_newest_first ON ip_routes (account_id, created_at DESC, route_id);
CREATE INDEX ip_routes_by_tunnel ON ip_routes (account_id, tunnel_id);
CREATE INDEX ip_routes_by_virtual_network ON ip_routes (account_id, virtual_network_id);
CREATE INDEX ip_routes_deleted ON ip_routes (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE hostname_routes (
    account_id TEXT NOT NULL,
    hostname_route_id BLOB NOT NULL,
    hostname TEXT NOT NULL,
    tunnel_id BLOB NOT NULL,
    comment TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (account_id, hostname_route_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX hostname_routes_live_name ON hostname_routes (account_id, hostname) WHERE deleted_at IS NULL;
CREATE INDEX hostname_routes_newest_first ON hostname_routes (account_id, created_at DESC, hostname_route_id);
CREATE INDEX hostname_routes_by_tunnel ON hostname_routes (account_id, tunnel_id);
CREATE INDEX hostname_routes_deleted ON hostname_routes (deleted_at) WHERE deleted_at IS NOT NULL;

-- kind is 'warp', of which an account may have many, or one that it has one of in each family.
CREATE TABLE subnets (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    subnet_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    family INTEGER NOT NULL,
    first_address BLOB NOT NULL,
    last_address BLOB NOT NULL,
    prefix_length INTEGER NOT NULL,
    comment TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (account_id, subnet_id)
) STRICT;
CREATE UNIQUE INDEX subnets_live_name ON subnets (account_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX subnets_only ON subnets (account_id, kind, family)
    WHERE deleted_at IS NULL AND kind <> 'warp';
CREATE UNIQUE INDEX subnets_default ON subnets (account_id, family) WHERE is_default AND deleted_at IS NULL;
CREATE INDEX subnets_deleted ON subnets (deleted_at) WHERE deleted_at IS NOT NULL;

-- An account without a row has what an account starts with.
CREATE TABLE connectivity_settings (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    icmp_proxy INTEGER NOT NULL,
    offramp_warp INTEGER NOT NULL
) STRICT;
