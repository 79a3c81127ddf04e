-- Lists of tunnels: an index for each order and state that they are asked by, and counters for their totals.

-- Until when a connected tunnel lacks something that should be there; null: nothing. Written with its connections and
-- its site's configuration.
ALTER TABLE tunnels ADD COLUMN missing_until BIGINT;

-- Each ends in what a list may be filtered by on its way, so that only rows that are shown are read.
DROP INDEX tunnels_newest_first;
CREATE INDEX tunnels_newest_first ON tunnels (account_id, created_at DESC, tunnel_id, kind, deleted_at, name);
CREATE INDEX tunnels_live ON tunnels (account_id, created_at DESC, tunnel_id, kind, name) WHERE deleted_at IS NULL;
CREATE INDEX tunnels_gone ON tunnels (account_id, created_at DESC, tunnel_id, kind) WHERE deleted_at IS NOT NULL;
CREATE INDEX tunnels_connected ON tunnels (account_id, created_at DESC, tunnel_id, kind, deleted_at, missing_until)
    WHERE active_since IS NOT NULL;
CREATE INDEX tunnels_missing ON tunnels (account_id, missing_until, kind, deleted_at) WHERE missing_until IS NOT NULL;
CREATE INDEX tunnels_down ON tunnels (account_id, created_at DESC, tunnel_id, kind, deleted_at)
    WHERE ever_connected AND active_since IS NULL;
CREATE INDEX tunnels_inactive ON tunnels (account_id, created_at DESC, tunnel_id, kind, deleted_at)
    WHERE NOT ever_connected AND active_since IS NULL;
CREATE INDEX tunnels_by_name ON tunnels (account_id, name, kind, deleted_at);

DROP INDEX connections_of_tunnel;
CREATE INDEX connections_of_tunnel ON connections (account_id, tunnel_id, closed_at, opened_at)
    WHERE closed_at IS NOT NULL;
-- What was connected at a moment: what is live, and what ended after it. Of the others none begins with account_id:
-- SQLite would prefer it where the live connections of a tunnel are meant.
DROP INDEX connections_live;
CREATE INDEX connections_live ON connections (account_id, tunnel_id, connector_id, connection_index, opened_at)
    WHERE closed_at IS NULL;
DROP INDEX connections_of_connector;
CREATE INDEX connections_of_connector ON connections (connector_id, account_id, tunnel_id);
DROP INDEX connections_closed;
CREATE INDEX connections_closed ON connections (closed_at, account_id, tunnel_id, opened_at)
    WHERE closed_at IS NOT NULL;

-- How many tunnels an account has in each state. Kept by triggers, so that no way of writing a tunnel forgets it.
CREATE TABLE tunnel_totals (
    account_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    deleted BOOLEAN NOT NULL,
    ever_connected BOOLEAN NOT NULL,
    connected BOOLEAN NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, deleted, ever_connected, connected)
);
INSERT INTO tunnel_totals (account_id, kind, deleted, ever_connected, connected, total)
    SELECT account_id, kind, deleted_at IS NOT NULL, ever_connected, active_since IS NOT NULL, COUNT(*)
    FROM tunnels GROUP BY 1, 2, 3, 4, 5;

CREATE FUNCTION count_tunnel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE tunnel_totals SET total = total - 1
            WHERE account_id = OLD.account_id AND kind = OLD.kind AND deleted = (OLD.deleted_at IS NOT NULL)
            AND ever_connected = OLD.ever_connected AND connected = (OLD.active_since IS NOT NULL);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO tunnel_totals AS t (account_id, kind, deleted, ever_connected, connected, total)
            VALUES (NEW.account_id, NEW.kind, NEW.deleted_at IS NOT NULL, NEW.ever_connected,
                NEW.active_since IS NOT NULL, 1)
            ON CONFLICT (account_id, kind, deleted, ever_connected, connected) DO UPDATE SET total = t.total + 1;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER tunnels_counted AFTER INSERT OR DELETE ON tunnels FOR EACH ROW EXECUTE FUNCTION count_tunnel();
CREATE TRIGGER tunnels_recounted AFTER UPDATE OF account_id, kind, deleted_at, ever_connected, active_since ON tunnels
    FOR EACH ROW
    WHEN (OLD.account_id <> NEW.account_id OR OLD.kind <> NEW.kind
        OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)
        OR OLD.ever_connected <> NEW.ever_connected
        OR (OLD.active_since IS NULL) <> (NEW.active_since IS NULL))
    EXECUTE FUNCTION count_tunnel();
