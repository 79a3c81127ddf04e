-- What host names may be asked for. They go with their zone, whose deletion takes them first.
CREATE TABLE host_limits (
    host TEXT COLLATE "C" PRIMARY KEY,
    zone_id TEXT COLLATE "C" NOT NULL REFERENCES zones (id),
    requests_per_second BIGINT,
    burst BIGINT,
    concurrent_requests BIGINT,
    max_request_body_bytes BIGINT,
    modified_at BIGINT NOT NULL
);
CREATE INDEX host_limits_by_zone ON host_limits (zone_id, host);

-- A host name whose limits changed.
ALTER TABLE changes ADD COLUMN limits_of TEXT COLLATE "C";
