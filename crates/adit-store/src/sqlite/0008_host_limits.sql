-- What host names may be asked for. They go with their zone, whose deletion takes them first.
CREATE TABLE host_limits (
    host TEXT PRIMARY KEY,
    zone_id TEXT NOT NULL REFERENCES zones (id),
    requests_per_second INTEGER,
    burst INTEGER,
    concurrent_requests INTEGER,
    max_request_body_bytes INTEGER,
    modified_at INTEGER NOT NULL
) STRICT;
CREATE INDEX host_limits_by_zone ON host_limits (zone_id, host);

-- A host name whose limits changed.
ALTER TABLE changes ADD COLUMN limits_of TEXT;
