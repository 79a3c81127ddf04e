-- The version of its tunnel's remote configuration that a connector runs, and the newer one that it refused last.
ALTER TABLE connectors ADD COLUMN applied_version BIGINT;
ALTER TABLE connectors ADD COLUMN applied_at BIGINT;
ALTER TABLE connectors ADD COLUMN refused_version BIGINT;
ALTER TABLE connectors ADD COLUMN refused_text TEXT COLLATE "C";
ALTER TABLE connectors ADD COLUMN refused_at BIGINT;

-- What a connector of a locally managed tunnel last told of itself, as JSON.
CREATE TABLE local_configurations (
    account_id TEXT COLLATE "C" NOT NULL,
    tunnel_id UUID NOT NULL,
    connector_id UUID NOT NULL,
    config TEXT COLLATE "C" NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, tunnel_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
);
