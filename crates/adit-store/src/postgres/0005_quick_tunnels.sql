-- Quick tunnels: each is a tunnel of the account that meta's 'quick_tunnel_account' names, and the one host name that
-- leads to it without a record. The row goes with its tunnel.
CREATE TABLE quick_tunnels (
    account_id TEXT COLLATE "C" NOT NULL,
    tunnel_id UUID NOT NULL,
    host TEXT COLLATE "C" NOT NULL UNIQUE,
    PRIMARY KEY (account_id, tunnel_id),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES tunnels (account_id, tunnel_id) ON DELETE CASCADE
);
