//! The host's interfaces, and the virtual addresses on the tunnel's.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use rtnetlink::{
    LinkUnspec,
    packet_route::{
        address::{AddressAttribute, CacheInfo},
        link::{LinkAttribute, LinkFlags},
    },
};

use super::{Netlink, NetlinkError};
use crate::node::ethernet::Mac;

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct Interface {
    pub(in crate::node) index: u32,
    pub(in crate::node) name: String,
    /// Of the card; none for what is no Ethernet.
    pub(in crate::node) mac: Option<Mac>,
    /// Whether it is up and something is plugged in.
    pub(in crate::node) has_carrier: bool,
    /// Its addresses with the networks that they are in.
    pub(in crate::node) addresses: Vec<IpNet>,
}

impl Netlink {
    /// All interfaces of the host.
    pub(in crate::node) async fn interfaces(&self) -> Result<Vec<Interface>, NetlinkError> {
        let links = self
            .list("interfaces", |handle| handle.link().get().execute())
            .await?;
        let addresses = self
            .list("addresses", |handle| handle.address().get().execute())
            .await?;
        let mut of_link: BTreeMap<u32, Vec<IpNet>> = BTreeMap::new();
        for message in &addresses {
            let all = &message.attributes;
            let local = all.iter().find_map(match_local);
            let address = local.or_else(|| all.iter().find_map(match_address));
            if let Some(net) = address.and_then(|address| IpNet::new(address, message.header.prefix_len).ok())
            {
                of_link.entry(message.header.index).or_default().push(net);
            }
        }
        let interface = |link: &rtnetlink::packet_route::link::LinkMessage| {
            let mut found = Interface {
                index: link.header.index,
                name: String::new(),
                mac: None,
                has_carrier: link.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
                addresses: of_link.get(&link.header.index).cloned().unwrap_or_default(),
            };
            for attribute in &link.attributes {
                if let LinkAttribute::IfName(name) = attribute {
                    found.name.clone_from(name);
                } else if let LinkAttribute::Address(bytes) = attribute {
                    found.mac = bytes.as_slice().try_into().ok().map(Mac);
                }
            }
            found
        };
        Ok(links.iter().map(interface).collect())
    }

    /// Gives a link a virtual address: packets for it are this host's, and nothing of this host's own comes from it.
    pub(in crate::node) async fn add_virtual_address(
        &self,
        index: u32,
        address: IpAddr,
    ) -> Result<(), NetlinkError> {
        let len = IpNet::from(address).prefix_len();
        let mut request = self.handle.address().add(index, address, len).replace();
        if address.is_ipv6() {
            let mut times = CacheInfo::default();
            times.ifa_valid = u32::MAX;
            request
                .message_mut()
                .attributes
                .push(AddressAttribute::CacheInfo(times));
        }
        let done = request.execute().await;
        done.map_err(|error| NetlinkError::new(format!("add the virtual address {address}"), error))
    }

    /// Brings a link up as it is.
    pub(in crate::node) async fn put_up(&self, index: u32) -> Result<(), NetlinkError> {
        let link = LinkUnspec::new_with_index(index).up().build();
        let done = self.handle.link().set(link).execute().await;
        done.map_err(|error| NetlinkError::new("bring up the interface", error))
    }

    /// Takes a link down.
    pub(in crate::node) async fn take_down(&self, index: u32) -> Result<(), NetlinkError> {
        let link = LinkUnspec::new_with_index(index).down().build();
        let done = self.handle.link().set(link).execute().await;
        done.map_err(|error| NetlinkError::new("take down the interface", error))
    }
}

fn match_local(attribute: &AddressAttribute) -> Option<IpAddr> {
    let AddressAttribute::Local(address) = attribute else {
        return None;
    };
    Some(*address)
}

fn match_address(attribute: &AddressAttribute) -> Option<IpAddr> {
    let AddressAttribute::Address(address) = attribute else {
        return None;
    };
    Some(*address)
}
