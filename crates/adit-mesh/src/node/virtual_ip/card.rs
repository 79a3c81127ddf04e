//! A network card on whose LAN virtual addresses are known.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use socket2::{Domain, Socket, Type};
use tokio::task::JoinSet;

use crate::{
    link::Gate,
    node::{
        ethernet::{Listens, Mac, PacketSocket, arp, ndp},
        host::Interface,
    },
};

/// More than any question of neighbour discovery.
const QUESTION: usize = 512;

/// A card that speaks for virtual addresses. Dropping it makes it fall silent.
#[derive(Debug)]
pub(super) struct Card {
    name: String,
    mac: Mac,
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
    /// Where IPv6 messages come from.
    from: Option<Ipv6Addr>,
    socket: PacketSocket,
    /// Makes the card and the switches pass questions for the addresses.
    _groups: Option<Socket>,
    _answers: JoinSet<()>,
}

impl Card {
    /// Begins to answer for the IPv6 ones of these addresses while the gate is open; the kernel does for the others.
    pub(super) fn open(lan: &Interface, addresses: &[IpAddr], gate: &Arc<Gate>) -> io::Result<Self> {
        let mac = lan.mac.ok_or(io::ErrorKind::Unsupported)?;
        let mut card = Self {
            name: lan.name.clone(),
            mac,
            v4: Vec::new(),
            v6: Vec::new(),
            from: lan.addresses.iter().find_map(|net| link_local(net.addr())),
            socket: PacketSocket::open(lan.index, Listens::Nothing)?,
            _groups: None,
            _answers: JoinSet::new(),
        };
        for address in addresses {
            match address {
                IpAddr::V4(address) => card.v4.push(*address),
                IpAddr::V6(address) => card.v6.push(*address),
            }
        }
        if !card.v6.is_empty() {
            let groups = Socket::new(Domain::IPV6, Type::DGRAM.cloexec(), None)?;
            for address in &card.v6 {
                let joined = groups.join_multicast_v6(&ndp::solicited_group(*address), lan.index);
                // Two addresses may share a group.
                if let Err(error) = joined
                    && error.kind() != io::ErrorKind::AddrInUse
                {
                    return Err(error);
                }
            }
            let socket = PacketSocket::open(lan.index, Listens::Solicitations)?;
            let (gate, own, from) = (Arc::clone(gate), card.v6.clone(), card.from);
            card._answers.spawn(answer(socket, gate, mac, from, own));
            card._groups = Some(groups);
        }
        Ok(card)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Tells everybody on the LAN where the addresses are.
    pub(super) fn announce(&self) -> io::Result<()> {
        let v4 = self
            .v4
            .iter()
            .flat_map(|address| arp::gratuitous(self.mac, *address));
        let v6 = self
            .v6
            .iter()
            .map(|address| ndp::unsolicited(self.mac, self.from.unwrap_or(*address), *address));
        for frame in v4.chain(v6) {
            self.socket.send(&frame)?;
        }
        Ok(())
    }
}

fn link_local(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
        IpAddr::V6(_) | IpAddr::V4(_) => None,
    }
}

/// Answers who asks for one of these.
async fn answer(socket: PacketSocket, gate: Arc<Gate>, mac: Mac, from: Option<Ipv6Addr>, own: Vec<Ipv6Addr>) {
    let mut buffer = vec![0; QUESTION];
    loop {
        let asked = match socket.receive(&mut buffer).await {
            Ok(frame) => ndp::solicitation(frame),
            // The card is down; it may come back.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => continue,
            Err(error) => {
                tracing::warn!(%error, "neighbours are no longer answered");
                return;
            }
        };
        if let Some(asked) = asked.filter(|asked| own.contains(&asked.target))
            // A process that was stopped is no longer the owner when it goes on.
            && gate.is_open()
        {
            let frame = ndp::answer(mac, from.unwrap_or(asked.target), &asked);
            if let Err(error) = socket.send(&frame) {
                tracing::debug!(%error, "a neighbour was not answered");
            }
        }
    }
}
