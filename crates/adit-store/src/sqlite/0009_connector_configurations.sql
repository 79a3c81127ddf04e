-- The version of its tunnel's remote configuration that a connector runs, and the newer one that it refused last.
ALTER TABLE connectors ADD COLUMN applied_version INTEGER;
ALTER TABLE connectors ADD COLUMN applied_at INTEGER;
ALTER TABLE connectors ADD COLUMN refused_version INTEGER;
ALTER TABLE connectors ADD COLUMN refused_text TEXT;
ALTER TABLE connectors ADD COLUMN refused_at INTEGER;

-- What a connector of a locally managed tunnel last told of itself, as JSON.
CREATE TABLE local_configurations (
    account_id TEXT NOT NULL,
    tunnel_id BLOB NOT NULL,
    connector_id BLOB NOT NULL,
    config TEXT NOT NULL,
    told_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, tunnel_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
) STRICT;
