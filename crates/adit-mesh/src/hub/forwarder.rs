//! What becomes of one packet.

use std::{net::IpAddr, time::Instant};

use adit_core::mesh::forwarding::{Denial, MemberIndex, Proxied, Table, Verdict};
use bytes::BytesMut;

use super::{
    dropped::Dropped,
    packet::{
        fragment,
        head::{Head, HeadError, take_hop},
        icmp::{self, Problem},
        mss,
    },
};
use crate::onramp::Handed;

/// The sessions with members, as far as a [`Forwarder`] needs them.
pub trait Links {
    /// How long a packet to a member may be, in bytes; at least 1280, which IPv6 asks of every link.
    fn mtu(&self, member: MemberIndex) -> u16;

    /// Whether there is a session with a member, so that sending is sure to succeed. May be wrong for a moment.
    fn is_open(&self, member: MemberIndex) -> bool;

    /// Sends a packet to a member, or keeps it until that is possible. False if neither can be.
    fn send(&mut self, to: MemberIndex, packet: BytesMut) -> bool;

    /// Whether a member may be told once more that a packet went nowhere: how often is limited.
    fn may_tell(&mut self, member: MemberIndex, now: Instant) -> bool;

    /// Hands a packet over to what carries flows to connectors. False if that takes no more now.
    fn hand_over(&mut self, handed: Handed) -> bool;
}

/// Forwards packets between members: checks them, finds out where they go, takes a hop from them, and tells their
/// source when they go nowhere. Knows no sockets and no clock. It is one thread's.
///
/// What does not fit is divided (IPv4 that may be) or answered with what would fit. What TCP offers as its largest
/// segment is lowered to what the paths on both sides carry.
#[derive(Debug, Default)]
pub struct Forwarder {
    /// Where fragments are made.
    scratch: Vec<u8>,
}

impl Forwarder {
    /// Forwards a packet that a member has sent, authentic but not trusted.
    ///
    /// # Errors
    /// Says why it was dropped. Its source has been told, where ICMP has a word for that and the limit allows it.
    pub fn handle(
        &mut self,
        table: &Table,
        from: MemberIndex,
        mut packet: BytesMut,
        now: Instant,
        links: &mut impl Links,
    ) -> Result<(), Dropped> {
        let head = Head::read(&packet).map_err(|error| match error {
            HeadError::Malformed => Dropped::Malformed,
            HeadError::Address => Dropped::Address,
        })?;
        packet.truncate(head.total);
        let sender = Sender { table, from, now };
        match table.verdict(from, head.source, head.destination) {
            Verdict::To(to) => self.forward(&sender, &head, packet, to, links),
            Verdict::Hub => {
                if icmp::reply(&mut packet, &head) {
                    links.send(from, packet);
                } else {
                    sender.tell(&packet, &head, Problem::NoPort, links);
                }
                Ok(())
            }
            Verdict::Proxied(to) => hand_over(&sender, head, packet, to, links),
            Verdict::Denied(denial) => {
                if let Some(problem) = problem_of(denial) {
                    sender.tell(&packet, &head, problem, links);
                }
                Err(Dropped::Denied(denial))
            }
        }
    }

    fn forward(
        &mut self,
        sender: &Sender<'_>,
        head: &Head,
        mut packet: BytesMut,
        to: MemberIndex,
        links: &mut impl Links,
    ) -> Result<(), Dropped> {
        if head.hops <= 1 {
            sender.tell(&packet, head, Problem::HopsUsedUp, links);
            return Err(Dropped::HopsUsedUp);
        }
        let mtu = links.mtu(to);
        if head.total > usize::from(mtu) && !head.may_divide {
            sender.tell(&packet, head, Problem::TooBig(mtu), links);
            return Err(Dropped::TooBig);
        }
        // Sending takes the packet, and who is told of it wants to see it as it was.
        let as_it_was = (!links.is_open(to)).then(|| packet.clone());
        mss::clamp(&mut packet, head, mtu.min(links.mtu(sender.from)).into());
        take_hop(&mut packet, head).ok_or(Dropped::Malformed)?;
        let is_sent = if head.total <= usize::from(mtu) {
            links.send(to, packet)
        } else {
            let mut all = true;
            let mut send = |piece: &[u8]| all &= links.send(to, BytesMut::from(piece));
            fragment::divide(&packet, head, mtu.into(), &mut self.scratch, &mut send) && all
        };
        if is_sent {
            return Ok(());
        }
        if let Some(packet) = as_it_was {
            sender.tell(&packet, head, Problem::NoHost, links);
        }
        Err(Dropped::NoSession)
    }
}

/// Hands a packet over whose flow ends here and goes on over connectors.
fn hand_over(
    sender: &Sender<'_>,
    head: Head,
    mut packet: BytesMut,
    to: Proxied,
    links: &mut impl Links,
) -> Result<(), Dropped> {
    if head.hops <= 1 {
        sender.tell(&packet, &head, Problem::HopsUsedUp, links);
        return Err(Dropped::HopsUsedUp);
    }
    let member = sender.table.member(sender.from);
    let member = member.ok_or(Dropped::Denied(Denial::ForeignSource))?;
    let mtu = links.mtu(sender.from);
    mss::clamp(&mut packet, &head, mtu.into());
    let handed = Handed {
        hub: member.hub.map(|hub| hub.beside(head.source)),
        who: member.who,
        packet,
        head,
        to,
        mtu,
    };
    if links.hand_over(handed) {
        Ok(())
    } else {
        Err(Dropped::ProxyFull)
    }
}

/// Who sent the packet in hand.
struct Sender<'a> {
    table: &'a Table,
    from: MemberIndex,
    now: Instant,
}

impl Sender<'_> {
    fn tell(&self, packet: &[u8], head: &Head, problem: Problem, links: &mut impl Links) {
        let hub: Option<IpAddr> = self
            .table
            .member(self.from)
            .and_then(|member| member.hub)
            .map(|hub| hub.beside(head.source));
        if let Some(answer) = icmp::answer(packet, head, problem, hub)
            && links.may_tell(self.from, self.now)
        {
            links.send(self.from, answer);
        }
    }
}

/// What the source of a denied packet is told.
const fn problem_of(denial: Denial) -> Option<Problem> {
    match denial {
        Denial::ForeignSource => None,
        Denial::NoRoute | Denial::Sender => Some(Problem::NoRoute),
        Denial::NoCarrier => Some(Problem::NoHost),
    }
}

#[cfg(test)]
mod tests;
