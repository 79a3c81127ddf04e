-- Everyone who joined a mesh: kind is 'replica', and member_id its connector's, or 'device'. One table, so that no two
-- members have the same key, of whatever kind and account. earlier_secret: the tunnel's secret was changed since the
-- replica proved that it has it.
CREATE TABLE mesh_members (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    member_id BLOB NOT NULL,
    peer_key BLOB NOT NULL,
    joined_at INTEGER NOT NULL,
    tunnel_id BLOB,
    identity_key BLOB,
    earlier_secret INTEGER,
    name TEXT,
    virtual_network_id BLOB,
    PRIMARY KEY (account_id, kind, member_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE,
    FOREIGN KEY (account_id, virtual_network_id)
        REFERENCES virtual_networks (account_id, virtual_network_id) ON DELETE CASCADE,
    CHECK (CASE kind
        WHEN 'replica' THEN tunnel_id IS NOT NULL AND identity_key IS NOT NULL AND earlier_secret IS NOT NULL
        ELSE kind = 'device' AND name IS NOT NULL AND virtual_network_id IS NOT NULL
    END)
) STRICT;
CREATE UNIQUE INDEX mesh_members_key ON mesh_members (peer_key);
CREATE UNIQUE INDEX mesh_members_device_name ON mesh_members (account_id, name) WHERE kind = 'device';
CREATE INDEX mesh_members_newest_first ON mesh_members (account_id, kind, joined_at DESC, member_id);
CREATE INDEX mesh_members_by_tunnel ON mesh_members (account_id, tunnel_id);
CREATE INDEX mesh_members_by_virtual_network ON mesh_members (account_id, virtual_network_id);

-- Addresses that a member has, or gave up at freed_at: 16 bytes, IPv4 mapped into IPv6.
CREATE TABLE mesh_addresses (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    family INTEGER NOT NULL,
    address BLOB NOT NULL,
    kind TEXT,
    member_id BLOB,
    freed_at INTEGER,
    PRIMARY KEY (account_id, family, address),
    FOREIGN KEY (account_id, kind, member_id) REFERENCES mesh_members (account_id, kind, member_id) ON DELETE CASCADE,
    CHECK ((kind IS NULL) = (member_id IS NULL) AND (member_id IS NULL) = (freed_at IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX mesh_addresses_of_member ON mesh_addresses (account_id, kind, member_id, family);
CREATE INDEX mesh_addresses_longest_free ON mesh_addresses (account_id, family, freed_at, address)
    WHERE freed_at IS NOT NULL;
CREATE INDEX mesh_addresses_freed ON mesh_addresses (freed_at) WHERE freed_at IS NOT NULL;
