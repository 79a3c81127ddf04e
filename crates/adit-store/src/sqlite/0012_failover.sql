-- How eagerly a site fails over: ha_state has it beside the decision that it is for.
ALTER TABLE ha_state ADD COLUMN profile TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE ha_state ADD COLUMN preempt_after_s INTEGER;
ALTER TABLE ha_state ADD COLUMN passive_onramp TEXT NOT NULL DEFAULT 'drain';

-- The decisions about who is active in a site, the newest ones: at in microseconds, and so gap_us, the time without
-- traffic, where it is known.
CREATE TABLE ha_events (
    account_id TEXT NOT NULL,
    tunnel_id BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    at INTEGER NOT NULL,
    cause TEXT NOT NULL,
    from_connector BLOB,
    to_connector BLOB,
    gap_us INTEGER,
    PRIMARY KEY (account_id, tunnel_id, epoch),
    FOREIGN KEY (account_id, tunnel_id) REFERENCES ha_state (account_id, tunnel_id) ON DELETE CASCADE
) STRICT;

-- The name of a connector's host, where it says so.
ALTER TABLE connectors ADD COLUMN hostname TEXT;
