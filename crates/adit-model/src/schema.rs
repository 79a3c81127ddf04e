//! JSON schemas of the values that the REST API shows, for its OpenAPI document.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    AccountId, ApiTokenId, ConfigSource, ConnectionId, ConnectorId, DeviceId, HaMode, HostnameRouteId,
    LoadBalancerId, PolicyId, PoolId, PoolName, RecordId, RouteId, SubnetId, Timestamp, TunnelId, TunnelKind,
    TunnelName, TunnelStatus, UserId, VirtualNetworkId, ZoneId,
};

macro_rules! schemas {
    ($($type:ident: $schema:tt,)+) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

schemas! {
    TunnelId: { "type": "string", "format": "uuid" },
    ConnectorId: { "type": "string", "format": "uuid" },
    ConnectionId: { "type": "string", "format": "uuid" },
    VirtualNetworkId: { "type": "string", "format": "uuid" },
    RouteId: { "type": "string", "format": "uuid" },
    HostnameRouteId: { "type": "string", "format": "uuid" },
    SubnetId: { "type": "string", "format": "uuid" },
    DeviceId: { "type": "string", "format": "uuid" },
    AccountId: { "type": "string", "pattern": "^[0-9a-f]{32}$" },
    ZoneId: { "type": "string", "pattern": "^[0-9a-f]{32}$" },
    RecordId: { "type": "string", "pattern": "^[0-9a-f]{32}$" },
    ApiTokenId: { "type": "string", "pattern": "^[0-9a-f]{32}$" },
    PolicyId: { "type": "string", "pattern": "^[0-9a-f]{32}$" },
    LoadBalancerId: { "type": "string", "pattern": "^[0-9a-f]{32}$" },
    PoolId: { "type": "string", "pattern": "^[0-9a-f]{32}$" },
    UserId: { "type": "string", "pattern": "^[0-9a-f]{32}$" },
    Timestamp: { "type": "string", "format": "date-time", "examples": ["2026-01-02T03:04:05.000006Z"] },
    TunnelName: { "type": "string", "minLength": 1, "maxLength": 255 },
    PoolName: { "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]*$", "maxLength": 255 },
    TunnelKind: { "type": "string", "enum": ["cfd_tunnel", "warp_connector"] },
    HaMode: { "type": "string", "enum": ["none", "disabled", "aws", "local"] },
    ConfigSource: { "type": "string", "enum": ["local", "cloudflare"] },
    TunnelStatus: { "type": "string", "enum": ["inactive", "degraded", "healthy", "down"] },
}
