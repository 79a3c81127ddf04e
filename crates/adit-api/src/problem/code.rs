//! The v4 error codes.

/// Each code under its names: the vendor gives some to several things, which the status tells apart.
macro_rules! codes {
    ($($name:ident = $number:literal,)+) => {
        $(pub(super) const $name: u32 = $number;)+

        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[u32] = &[$($number),+];
    };
}

// Ours are 1048, those from 1060 to 1063 (of sites), those from 1101 to 1112 and those from 1400 to 1599: HTTP's number
// plus 1000.
codes! {
    INVALID_API_TOKEN = 1000,
    INVALID_VALUE = 1001,
    TUNNEL_NOT_FOUND = 1003,
    ROUTE_TAKEN = 1003,
    DNS_VALIDATION = 1004,
    TUNNEL_NAME_TAKEN = 1013,
    ROUTE_EXISTS = 1014,
    NOT_ROUTED = 1015,
    TUNNEL_STILL_CONNECTED = 1022,
    TUNNEL_STILL_ROUTED = 1023,
    VIRTUAL_NETWORK_IN_USE = 1048,
    DEFAULT_VIRTUAL_NETWORK = 1049,
    NO_CONFIGURATION = 1055,
    BAD_CONFIGURATION = 1056,
    SITE_NOT_HA = 1060,
    REPLICA_NOT_ELECTABLE = 1061,
    ZONE_EXISTS = 1061,
    FAILOVER_RUNNING = 1062,
    FAILOVER_NOT_ACKNOWLEDGED = 1063,
    VIRTUAL_NETWORK_NAME_TAKEN = 1101,
    VIRTUAL_NETWORK_NOT_FOUND = 1102,
    SUBNET_NOT_FOUND = 1103,
    SUBNET_NAME_TAKEN = 1104,
    SUBNET_OVERLAPS = 1105,
    DEFAULT_SUBNET = 1106,
    SUBNET_IN_USE = 1107,
    DEVICE_NOT_FOUND = 1108,
    DEVICE_NAME_TAKEN = 1109,
    PEER_KEY_TAKEN = 1110,
    TOO_MANY_DEVICES = 1111,
    NO_MESH_ADDRESS = 1112,
    MESH_OFF = 1403,
    QUICK_TUNNELS_OFF = 1403,
    NOT_FOUND = 1404,
    BODY_TOO_SLOW = 1408,
    CONFLICT = 1409,
    BODY_TOO_LARGE = 1413,
    URI_TOO_LONG = 1414,
    TOO_OFTEN = 1429,
    HEAD_TOO_LARGE = 1431,
    INTERNAL = 1500,
    EDGE_BUSY = 1503,
    TIMED_OUT = 1504,
    INVALID_HEADERS = 6003,
    MALFORMED_JSON = 6007,
    BAD_EMAIL_HEADER = 6102,
    BAD_KEY_HEADER = 6103,
    BAD_AUTHORIZATION_HEADER = 6111,
    NO_ROUTE = 7000,
    COULD_NOT_ROUTE = 7003,
    UNKNOWN_KEY = 9103,
    NO_CREDENTIAL = 9106,
    UNKNOWN_TOKEN = 9109,
    NOT_ALLOWED = 10_000,
    TOKEN_IS_VALID = 10_000,
    METHOD_NOT_ALLOWED = 10_001,
    RECORD_NOT_FOUND = 81_044,
    HOST_TAKEN = 81_053,
}
