-- 'cfd_tunnel' or 'warp_connector'. Names stay unique over both.
ALTER TABLE tunnels ADD COLUMN kind TEXT NOT NULL DEFAULT 'cfd_tunnel';

-- The remote configurations of a tunnel, JSON as it is pushed; tunnels.config_version is the newest one.
CREATE TABLE tunnel_configurations (
    account_id TEXT NOT NULL,
    tunnel_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    config TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, tunnel_id, version),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
) STRICT;

-- One row for each tunnel of kind 'warp_connector': its present configuration's version and mode, and who is active
-- since which decision.
CREATE TABLE ha_state (
    account_id TEXT NOT NULL,
    tunnel_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    ha_mode TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    active_connector BLOB,
    PRIMARY KEY (account_id, tunnel_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
) STRICT;

-- The configurations of a site; config is JSON, null where the mode needs none.
CREATE TABLE site_configurations (
    account_id TEXT NOT NULL,
    tunnel_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    ha_mode TEXT NOT NULL,
    config TEXT,
    author TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, tunnel_id, version),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES ha_state (account_id, tunnel_id) ON DELETE CASCADE
) STRICT;
