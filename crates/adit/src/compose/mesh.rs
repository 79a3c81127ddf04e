//! The mesh's side of the server: the hub that forwards packets, and the server that tells nodes what they are to be.

use std::{net::SocketAddr, sync::Arc};

use adit_api::MeshHub;
use adit_core::port::SiteControl;
use adit_mesh::{
    hub::{Hub, HubConfig, MTU},
    noise::PrivateKey,
    onramp::{Limits, Onramp},
    server::{CarrierPlaces, Decisions, Forwarding, MeshServer, MeshServerConfig},
};
use adit_net::{
    mesh::{Carriers, ControlStreams},
    private::PrivateDialer,
};
use adit_store::Store;
use adit_wire::mesh::{Endpoint, HubAddress};
use anyhow::Context;

use crate::config::Settings;

/// The most sessions of nodes at once.
const MAX_SESSIONS: usize = 10_000;

/// The hub and the mesh's server.
pub(super) struct Mesh {
    hub: Arc<Hub>,
    server: MeshServer,
    endpoint: Option<String>,
    onramp: Option<Onramp>,
}

impl Mesh {
    /// Opens the hub's listener and begins to follow the store.
    pub(super) fn start(settings: &Settings, key: [u8; 32], store: &Arc<Store>) -> anyhow::Result<Self> {
        let config = HubConfig::new(settings.mesh_listen, PrivateKey::from_bytes(key));
        let hub = Hub::start(config)
            .with_context(|| format!("cannot listen on {} for the mesh", settings.mesh_listen))?;
        let hub = Arc::new(hub);
        let advertised = settings.mesh_advertise.as_ref().map(ToString::to_string);
        let told: Option<Endpoint> = advertised
            .as_ref()
            .map(|text| text.parse().context("mesh.advertise cannot be used"))
            .transpose()?;
        let config = MeshServerConfig {
            hub: HubAddress {
                key: hub.public_key(),
                endpoints: told.into_iter().collect(),
                port: hub.address().port(),
                carriers: Vec::new(),
                carrier_port: None,
            },
            location: settings.location.clone(),
            mtu: MTU,
            max_sessions: MAX_SESSIONS,
        };
        let server = MeshServer::start(
            config,
            Arc::clone(store) as _,
            Arc::clone(store) as _,
            Arc::clone(store) as Arc<dyn Decisions>,
            Arc::clone(store) as _,
            Arc::clone(&hub) as Arc<dyn Forwarding>,
        );
        let endpoint = advertised.or_else(|| reachable_by_others(hub.address()));
        Ok(Self {
            hub,
            server,
            endpoint,
            onramp: None,
        })
    }

    /// From now on members reach what connectors reach; the buffers of their flows take up to so many bytes.
    pub(super) fn reach(&mut self, dialer: Arc<dyn PrivateDialer>, memory: u64) {
        let limits = Limits {
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        let onramp = Onramp::start(limits, dialer, self.hub.answers());
        self.hub.hand_over_to(onramp.intake());
        self.onramp = Some(onramp);
    }

    /// Where packets arrive.
    pub(super) fn address(&self) -> SocketAddr {
        self.hub.address()
    }

    /// What takes control connections off the edge.
    pub(super) fn streams(&self) -> Arc<dyn ControlStreams> {
        self.server.streams()
    }

    /// What takes packets of nodes whose UDP is blocked off the edge.
    pub(super) fn carriers(&self) -> Arc<dyn Carriers> {
        self.server.carriers(self.hub.board())
    }

    /// Tells nodes where those are taken, now that the edge listens.
    pub(super) fn tell_carriers(&self, settings: &Settings, https: Option<SocketAddr>) {
        let named = settings.mesh_advertise_https.as_ref().map(ToString::to_string);
        let endpoints: Vec<Endpoint> = named.iter().filter_map(|text| text.parse().ok()).collect();
        if let Some(https) = https {
            let port = https.port();
            self.server.set_carriers(CarrierPlaces { endpoints, port });
        }
    }

    /// What the API asks.
    pub(super) fn control(&self) -> Arc<dyn SiteControl> {
        self.server.control()
    }

    /// What the API tells devices.
    pub(super) fn for_devices(&self) -> MeshHub {
        MeshHub {
            key: self.hub.public_key(),
            endpoint: self.endpoint.clone(),
        }
    }

    /// Where devices dial, if it is known.
    pub(super) fn endpoint(&self) -> Option<String> {
        self.endpoint.clone()
    }

    /// Ends the flows to connectors, which members learn as long as their nodes forward; takes leave of the nodes, then
    /// stops forwarding.
    pub(super) async fn stop(self) {
        if let Some(onramp) = self.onramp {
            onramp.stop().await;
        }
        self.server.stop().await;
        // Its threads are waited for, which must not hold up the runtime.
        drop(tokio::task::spawn_blocking(move || drop(self.hub)).await);
    }
}

/// A listener's address, if it is one that another machine can dial.
fn reachable_by_others(address: SocketAddr) -> Option<String> {
    let ip = address.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_loopback_or_on_every_address_tells_nobody_where_to_dial() {
        let told = |text: &str| reachable_by_others(text.parse().unwrap());
        assert_eq!(told("127.0.0.1:51820"), None);
        assert_eq!(told("0.0.0.0:51820"), None);
        assert_eq!(told("192.0.2.1:51820").as_deref(), Some("192.0.2.1:51820"));
    }
}
