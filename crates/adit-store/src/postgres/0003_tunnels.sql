-- 'cfd_tunnel' or 'warp_connector'. Names stay unique over both.
ALTER TABLE tunnels ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT 'cfd_tunnel';

-- The remote configurations of a tunnel, JSON as it is pushed; tunnels.config_version is the newest one.
CREATE TABLE tunnel_configurations (
    account_id TEXT COLLATE "C" NOT NULL,
    tunnel_id UUID NOT NULL,
    version BIGINT NOT NULL,
    config TEXT COLLATE "C" NOT NULL,
    author TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, tunnel_id, version),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
);

-- One row for each tunnel of kind 'warp_connector': its present configuration's version and mode, and who is active
-- since which decision.
CREATE TABLE ha_state (
    account_id TEXT COLLATE "C" NOT NULL,
    tunnel_id UUID NOT NULL,
    version BIGINT NOT NULL,
    ha_mode TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    active_connector UUID,
    PRIMARY KEY (account_id, tunnel_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
);

-- The configurations of a site; config is JSON, null where the mode needs none.
CREATE TABLE site_configurations (
    account_id TEXT COLLATE "C" NOT NULL,
    tunnel_id UUID NOT NULL,
    version BIGINT NOT NULL,
    ha_mode TEXT COLLATE "C" NOT NULL,
    config TEXT COLLATE "C",
    author TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, tunnel_id, version),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES ha_state (account_id, tunnel_id) ON DELETE CASCADE
);
