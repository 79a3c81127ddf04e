//! The kernel's links and addresses, by rtnetlink; [`routes`] adds its routes and rules.

mod interfaces;
mod routes;

use std::{collections::BTreeMap, io, net::IpAddr};

use futures_util::{StreamExt, TryStream, TryStreamExt};
pub(in crate::node) use interfaces::Interface;
use ipnet::IpNet;
pub(super) use routes::Rule;
use rtnetlink::{
    Handle, LinkUnspec, MulticastGroup, new_multicast_connection,
    packet_route::{
        address::{AddressAttribute, AddressMessage},
        link::LinkAttribute,
    },
};
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
};

/// A question or an order that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}")]
pub struct NetlinkError {
    doing: String,
    #[source]
    cause: io::Error,
}

impl NetlinkError {
    fn new(doing: impl Into<String>, error: rtnetlink::Error) -> Self {
        let cause = if let rtnetlink::Error::NetlinkError(message) = error {
            message.to_io()
        } else {
            io::Error::other(error)
        };
        Self {
            doing: doing.into(),
            cause,
        }
    }

    fn is(&self, kind: rustix::io::Errno) -> bool {
        self.cause.raw_os_error() == Some(kind.raw_os_error())
    }
}

/// A connection to the kernel, in the network namespace of the thread that made it.
#[derive(Debug)]
pub(in crate::node) struct Netlink {
    handle: Handle,
    /// Whose turn it is to list something.
    listing: Mutex<()>,
    changes: watch::Receiver<u64>,
    _tasks: JoinSet<()>,
}

impl Netlink {
    /// Connects, and listens for changes of addresses and routes.
    pub(super) fn connect() -> io::Result<Self> {
        Self::connect_for(&[
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
            MulticastGroup::Ipv4Route,
            MulticastGroup::Ipv6Route,
        ])
    }

    /// Connects, and listens for changes of links.
    pub(in crate::node) fn connect_for_links() -> io::Result<Self> {
        Self::connect_for(&[MulticastGroup::Link])
    }

    fn connect_for(groups: &[MulticastGroup]) -> io::Result<Self> {
        let (connection, handle, mut messages) = new_multicast_connection(groups)?;
        let (changed, changes) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        tasks.spawn(async move {
            while messages.next().await.is_some() {
                changed.send_modify(|count: &mut u64| *count = count.wrapping_add(1));
            }
        });
        Ok(Self {
            handle,
            listing: Mutex::new(()),
            changes,
            _tasks: tasks,
        })
    }

    /// Counts what has changed; several changes may be told as one.
    pub(in crate::node) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Lists something. On one connection the kernel gives one list at a time, and refuses another one meanwhile.
    async fn list<T, S>(&self, what: &str, ask: impl FnOnce(&Handle) -> S) -> Result<Vec<T>, NetlinkError>
    where
        S: TryStream<Ok = T, Error = rtnetlink::Error>,
    {
        let _turn = self.listing.lock().await;
        let all = ask(&self.handle).try_collect().await;
        all.map_err(|error| NetlinkError::new(format!("list the {what}"), error))
    }

    /// A link's number, by its name.
    pub(in crate::node) async fn link(&self, name: &str) -> Result<Option<u32>, NetlinkError> {
        let mut found = self.handle.link().get().match_name(name.to_owned()).execute();
        match found.try_next().await {
            Ok(link) => Ok(link.map(|link| link.header.index)),
            Err(error) => {
                let error = NetlinkError::new(format!("find the interface {name}"), error);
                if error.is(rustix::io::Errno::NODEV) {
                    Ok(None)
                } else {
                    Err(error)
                }
            }
        }
    }

    /// The names of all links by their numbers.
    pub(super) async fn links(&self) -> Result<BTreeMap<u32, String>, NetlinkError> {
        let links = self
            .list("interfaces", |handle| handle.link().get().execute())
            .await?;
        let name = |attribute: &LinkAttribute| {
            let LinkAttribute::IfName(name) = attribute else {
                return None;
            };
            Some(name.clone())
        };
        Ok(links
            .iter()
            .filter_map(|link| Some((link.header.index, link.attributes.iter().find_map(name)?)))
            .collect())
    }

    /// Sets a link's MTU and brings it up.
    pub(super) async fn bring_up(&self, index: u32, mtu: u32) -> Result<(), NetlinkError> {
        let link = LinkUnspec::new_with_index(index).mtu(mtu).up().build();
        let done = self.handle.link().set(link).execute().await;
        done.map_err(|error| NetlinkError::new(format!("bring up the interface with an MTU of {mtu}"), error))
    }

    /// Gives a link an address, alone in its network.
    pub(super) async fn add_address(&self, index: u32, address: IpAddr) -> Result<(), NetlinkError> {
        let len = IpNet::from(address).prefix_len();
        let done = self
            .handle
            .address()
            .add(index, address, len)
            .replace()
            .execute()
            .await;
        done.map_err(|error| NetlinkError::new(format!("add the address {address}"), error))
    }

    /// The addresses of all links.
    pub(super) async fn addresses(&self) -> Result<Vec<IpAddr>, NetlinkError> {
        let found = self
            .list("addresses", |handle| handle.address().get().execute())
            .await?;
        let address = |attribute: &AddressAttribute| {
            let AddressAttribute::Address(address) = attribute else {
                return None;
            };
            Some(*address)
        };
        let local = |attribute: &AddressAttribute| {
            let AddressAttribute::Local(address) = attribute else {
                return None;
            };
            Some(*address)
        };
        // Where the two ends of a link are told apart, the near one is the local one.
        let near = |message: &AddressMessage| {
            let all = &message.attributes;
            all.iter()
                .find_map(local)
                .or_else(|| all.iter().find_map(address))
        };
        Ok(found.iter().filter_map(near).collect())
    }

    /// Takes an address from a link; that it is gone already is fine.
    pub(in crate::node) async fn remove_address(
        &self,
        index: u32,
        address: IpAddr,
    ) -> Result<(), NetlinkError> {
        let ask = |handle: &Handle| {
            let all = handle.address().get();
            all.set_link_index_filter(index)
                .set_address_filter(address)
                .execute()
        };
        let found = self.list("addresses", ask).await?;
        for message in found {
            let done = self.handle.address().del(message).execute().await;
            done.map_err(|error| NetlinkError::new(format!("remove the address {address}"), error))?;
        }
        Ok(())
    }
}
