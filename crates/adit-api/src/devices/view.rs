//! Devices as clients see them.

use std::net::IpAddr;

use adit_core::{
    mesh::without_contained,
    networks::Network,
    port::{DeviceReach, MeshDevice},
};
use adit_model::{DeviceId, Timestamp, VirtualNetworkId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::state::MeshHub;

/// What a device sends at most in one packet: the least that IPv6 asks for, which every path carries inside WireGuard.
const MTU: u16 = 1280;

/// How often a device that has nothing to say says so, in seconds: less than what NATs forget a flow after.
const KEEPALIVE: u16 = 25;

/// A WireGuard client of the mesh.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Device")]
pub(super) struct DeviceView {
    id: DeviceId,
    name: String,
    /// In base64.
    public_key: String,
    virtual_network_id: VirtualNetworkId,
    /// Its own addresses, IPv4 first.
    addresses: Vec<IpAddr>,
    created_at: Timestamp,
}

/// A WireGuard client, and the configuration that it needs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "JoinedDevice")]
pub(super) struct JoinedDeviceView {
    #[serde(flatten)]
    device: DeviceView,
    /// Null if this server has no hub.
    wireguard: Option<WireGuardView>,
}

/// What the client is to be told beside its private key, in the words of a wg-quick file. What is routed later is
/// not in it: ask again then.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WireGuardConfiguration")]
struct WireGuardView {
    address: Vec<String>,
    /// Empty: names are resolved as before.
    dns: Vec<IpAddr>,
    mtu: u16,
    peer: PeerView,
}

/// The one peer of a device: the hub.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WireGuardPeer")]
struct PeerView {
    public_key: String,
    /// `host:port`; null if it is not known.
    endpoint: Option<String>,
    /// Why the endpoint is not known; null if it is.
    endpoint_unknown: Option<&'static str>,
    /// The addresses of the mesh, and what is routed in the virtual network.
    allowed_ips: Vec<String>,
    /// In seconds.
    persistent_keepalive: u16,
}

impl DeviceView {
    /// What clients see of a device.
    pub(super) fn of(id: DeviceId, device: &MeshDevice) -> Self {
        Self {
            id,
            name: device.name.to_string(),
            public_key: device.key.to_string(),
            virtual_network_id: device.virtual_network,
            addresses: device.addresses.all().collect(),
            created_at: device.created_at,
        }
    }
}

impl JoinedDeviceView {
    /// What clients see of a device that reaches this through a hub.
    pub(super) fn of(id: DeviceId, device: &MeshDevice, reach: DeviceReach, hub: Option<&MeshHub>) -> Self {
        let wireguard = hub.map(|hub| WireGuardView {
            address: device
                .addresses
                .all()
                .map(|address| Network::of_address(address).to_string())
                .collect(),
            dns: Vec::new(),
            mtu: MTU,
            peer: PeerView {
                public_key: hub.key.to_string(),
                endpoint: hub.endpoint.clone(),
                endpoint_unknown: hub
                    .endpoint
                    .is_none()
                    .then_some("mesh.advertise is not set, so nobody said where devices reach the hub"),
                allowed_ips: allowed(reach),
                persistent_keepalive: KEEPALIVE,
            },
        });
        Self {
            device: DeviceView::of(id, device),
            wireguard,
        }
    }
}

fn allowed(reach: DeviceReach) -> Vec<String> {
    let of_members = reach.ranges.into_iter().flat_map(|ranges| ranges.networks());
    let all = of_members.chain(reach.routed).collect();
    without_contained(all).iter().map(ToString::to_string).collect()
}
