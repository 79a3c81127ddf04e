-- Pools of an account's tunnels, and the host names of zones that lead to one. A name is unique over load balancers,
-- DNS records and quick tunnels; who writes one of them looks at the others.
CREATE TABLE pools (
    id TEXT COLLATE "C" PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX pools_by_name ON pools (account_id, name);
CREATE INDEX pools_newest_first ON pools (account_id, created_at DESC, id);

CREATE TABLE pool_members (
    pool_id TEXT COLLATE "C" NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
    account_id TEXT COLLATE "C" NOT NULL,
    tunnel_id UUID NOT NULL,
    PRIMARY KEY (pool_id, tunnel_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
);
CREATE INDEX pool_members_by_tunnel ON pool_members (account_id, tunnel_id);

CREATE TABLE load_balancers (
    id TEXT COLLATE "C" PRIMARY KEY,
    zone_id TEXT COLLATE "C" NOT NULL REFERENCES zones (id),
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    pool_id TEXT COLLATE "C" NOT NULL REFERENCES pools (id),
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);
CREATE INDEX load_balancers_by_zone ON load_balancers (zone_id, name);
CREATE INDEX load_balancers_by_pool ON load_balancers (pool_id, name);
