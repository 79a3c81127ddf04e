//! A host of the LAN that is to say that it is there.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use tokio::time::timeout;

use super::watch::LIMIT;
use crate::node::{
    ethernet::{Listens, Mac, PacketSocket, arp, ndp},
    host::{Interface, Netlink},
};

/// More than any answer.
const ANSWER: usize = 512;

/// Whether it answers, on the named interface or on that of its network.
pub(super) async fn answers(netlink: &Netlink, named: Option<&str>, target: IpAddr) -> bool {
    let asking = async {
        let interfaces = netlink.interfaces().await.ok()?;
        let lan = interface(&interfaces, named, target)?;
        ask(lan, lan.mac?, target).await.ok()
    };
    matches!(timeout(LIMIT, asking).await, Ok(Some(())))
}

fn interface<'a>(interfaces: &'a [Interface], named: Option<&str>, target: IpAddr) -> Option<&'a Interface> {
    interfaces.iter().find(|found| match named {
        Some(name) => found.name == name,
        None => found.mac.is_some() && found.addresses.iter().any(|net| net.contains(&target)),
    })
}

/// Asks, and returns when it was answered.
async fn ask(lan: &Interface, mac: Mac, target: IpAddr) -> io::Result<()> {
    let near = lan.addresses.iter().find(|net| net.contains(&target));
    let (listens, question) = match target {
        IpAddr::V4(target) => {
            // Who has no address there asks without one.
            let own = near.map_or(Ipv4Addr::UNSPECIFIED, |net| match net.addr() {
                IpAddr::V4(own) => own,
                IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
            });
            (Listens::Arp, arp::request(mac, own, target))
        }
        IpAddr::V6(target) => {
            let all = lan.addresses.iter().filter_map(|net| match net.addr() {
                IpAddr::V6(own) => Some(own),
                IpAddr::V4(_) => None,
            });
            // An answer to one without an address would go to all.
            let own = all.max_by_key(Ipv6Addr::is_unicast_link_local);
            let own = own.ok_or(io::ErrorKind::AddrNotAvailable)?;
            (Listens::Advertisements, ndp::request(mac, own, target))
        }
    };
    let socket = PacketSocket::open(lan.index, listens)?;
    socket.send(&question)?;
    let mut buffer = [0; ANSWER];
    loop {
        let frame = socket.receive(&mut buffer).await?;
        let says = match target {
            IpAddr::V4(_) => arp::says(frame).map(IpAddr::from),
            IpAddr::V6(_) => ndp::says(frame).map(IpAddr::from),
        };
        if says == Some(target) {
            return Ok(());
        }
    }
}
