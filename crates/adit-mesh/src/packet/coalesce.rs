//! From wire packets to super-packets.

use std::io::IoSlice;

use bytes::BytesMut;

use super::{
    Segments, VnetHeader,
    ip::{put, u16_at, u32_at},
    layout::{Layout, TCP, UDP, pseudo_header, set_length},
};

/// How long a super-packet may become, in bytes: what an IP header can say.
const LONGEST: usize = 65_535;
/// How many wire packets it may have. The kernel cuts UDP into no more.
const MOST: usize = 64;
/// How far back a flow's last packet is looked for.
const LOOK_BACK: usize = 16;
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;

/// Collects wire packets, and joins neighbours of one flow as far as cutting them again gives the same packets.
///
/// Packets of one flow stay in order. A packet whose checksum is wrong joins no other, so that nobody takes it for
/// right. It has no bound of its own: whoever fills it drains it, see [`Coalescer::len`].
#[derive(Debug)]
pub struct Coalescer {
    joins_udp: bool,
    items: Vec<Item>,
    spare: Vec<Vec<BytesMut>>,
    packets: usize,
}

impl Coalescer {
    /// `joins_udp`: whether the device takes super-packets of UDP, see [`Tun::joins_udp`](crate::tun::Tun::joins_udp).
    #[must_use]
    pub fn new(joins_udp: bool) -> Self {
        Self {
            joins_udp,
            items: Vec::new(),
            spare: Vec::new(),
            packets: 0,
        }
    }

    /// Adds a wire packet, which ends where its header says.
    pub fn push(&mut self, packet: BytesMut) {
        self.packets += 1;
        let layout = Layout::of(&packet);
        if let Some(layout) = layout {
            let latest = self
                .items
                .iter_mut()
                .rev()
                .take(LOOK_BACK)
                .find(|item| item.has_flow(layout, &packet));
            if let Some(item) = latest
                && item.takes(&packet, layout)
            {
                item.take(packet, layout);
                return;
            }
        }
        let more = self.spare.pop().unwrap_or_default();
        self.items.push(Item::new(packet, layout, self.joins_udp, more));
    }

    /// How many wire packets wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// Hands over what was joined, and what could not be: a header for the device, the pieces of the packet, and how
    /// many wire packets it is.
    pub fn drain(&mut self, mut take: impl FnMut(&VnetHeader, &[IoSlice<'_>], usize)) {
        self.packets = 0;
        for mut item in self.items.drain(..) {
            let header = item.close();
            let payload = item.layout.map_or(0, |layout| layout.payload);
            let mut slices = Vec::with_capacity(1 + item.more.len());
            slices.push(IoSlice::new(&item.first));
            slices.extend(
                item.more
                    .iter()
                    .filter_map(|packet| packet.get(payload..))
                    .map(IoSlice::new),
            );
            take(&header, &slices, 1 + item.more.len());
            item.more.clear();
            self.spare.push(item.more);
        }
    }
}

/// A packet, and what was joined to it.
#[derive(Debug)]
struct Item {
    first: BytesMut,
    more: Vec<BytesMut>,
    layout: Option<Layout>,
    /// Whether another may join.
    is_open: bool,
    /// Whether the checksum of the first was looked at; it is only when a second comes.
    is_checked: bool,
    /// Payload of each packet but the last.
    segment: usize,
    total: usize,
    next_sequence: u32,
}

impl Item {
    fn new(first: BytesMut, layout: Option<Layout>, joins_udp: bool, more: Vec<BytesMut>) -> Self {
        let segment = layout.map_or(0, |layout| first.len() - layout.payload);
        let is_open = segment > 0
            && layout.is_some_and(|layout| match layout.protocol {
                TCP => first.get(layout.transport + 13) == Some(&ACK),
                _ => joins_udp && has_whole_udp(&first, layout),
            });
        let sequence = layout
            .and_then(|layout| u32_at(&first, layout.transport + 4))
            .unwrap_or_default();
        Self {
            total: first.len(),
            next_sequence: sequence.wrapping_add(segment as u32),
            first,
            more,
            layout,
            is_open,
            is_checked: false,
            segment,
        }
    }

    /// Whether addresses, protocol and ports are these.
    fn has_flow(&self, layout: Layout, packet: &[u8]) -> bool {
        self.layout.is_some_and(|own| {
            own.is_v6 == layout.is_v6
                && own.protocol == layout.protocol
                && same(&self.first, packet, if layout.is_v6 { 8..40 } else { 12..20 })
                && same(&self.first, packet, layout.transport..layout.transport + 4)
        })
    }

    /// Whether this packet of the same flow may join.
    fn takes(&mut self, packet: &[u8], layout: Layout) -> bool {
        let payload = packet.len() - layout.payload;
        let fits = self.is_open
            && self.layout == Some(layout)
            && payload > 0
            && payload <= self.segment
            && self.total + payload <= LONGEST
            && self.more.len() + 1 < MOST
            && self.has_same_ip(packet, layout)
            && match layout.protocol {
                TCP => self.has_same_tcp(packet, layout),
                _ => has_whole_udp(packet, layout),
            };
        if !fits {
            return false;
        }
        if !self.is_checked {
            self.is_checked = true;
            self.is_open = layout.has_right_checksum(&self.first);
        }
        self.is_open && layout.has_right_checksum(packet)
    }

    /// Traffic class, hop limit, flags and flow label; ids that count on, where they mean something (RFC 6864).
    fn has_same_ip(&self, packet: &[u8], layout: Layout) -> bool {
        if layout.is_v6 {
            return same(&self.first, packet, 0..4) && same(&self.first, packet, 6..8);
        }
        let id_counts_on = || {
            let next = u16_at(&self.first, 4).map(|id| id.wrapping_add(self.more.len() as u16 + 1));
            next == u16_at(packet, 4)
        };
        same(&self.first, packet, 0..2)
            && same(&self.first, packet, 6..10)
            && (layout.is_atomic(packet) || id_counts_on())
    }

    /// The next bytes of the stream, with the same acknowledgement, window and options.
    fn has_same_tcp(&self, packet: &[u8], layout: Layout) -> bool {
        let at = layout.transport;
        u32_at(packet, at + 4) == Some(self.next_sequence)
            && same(&self.first, packet, at + 8..at + 13)
            && same(&self.first, packet, at + 14..at + 16)
            && same(&self.first, packet, at + 18..layout.payload)
            && packet.get(at + 13).is_some_and(|flags| flags & !PSH == ACK)
    }

    fn take(&mut self, packet: BytesMut, layout: Layout) {
        let payload = packet.len() - layout.payload;
        let flags = packet.get(layout.transport + 13).copied().unwrap_or_default();
        let is_pushed = layout.protocol == TCP && flags & PSH != 0;
        if is_pushed {
            put(&mut self.first, layout.transport + 13, [flags]);
        }
        self.is_open = payload == self.segment && !is_pushed;
        self.total += payload;
        self.next_sequence = self.next_sequence.wrapping_add(payload as u32);
        self.more.push(packet);
    }

    /// Makes the first packet's headers those of the whole.
    fn close(&mut self) -> VnetHeader {
        let Some(layout) = self.layout.filter(|_| !self.more.is_empty()) else {
            return VnetHeader::default();
        };
        let transport_bytes = self.total - layout.transport;
        set_length(&mut self.first, layout.is_v6, layout.transport, self.total);
        if layout.protocol == UDP {
            let length = u16::try_from(transport_bytes).unwrap_or(u16::MAX);
            put(&mut self.first, layout.transport + 4, length.to_be_bytes());
        }
        let pseudo = pseudo_header(&self.first, layout.is_v6, layout.protocol, transport_bytes);
        put(
            &mut self.first,
            layout.transport + layout.checksum_offset(),
            pseudo.partial(),
        );
        let number = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX);
        VnetHeader {
            needs_checksum: true,
            segments: match (layout.protocol, layout.is_v6) {
                (TCP, false) => Segments::TcpV4,
                (TCP, true) => Segments::TcpV6,
                _ => Segments::Udp,
            },
            header_bytes: number(layout.payload),
            segment_bytes: number(self.segment),
            checksum_start: number(layout.transport),
            checksum_offset: number(layout.checksum_offset()),
        }
    }
}

/// Whether the UDP header speaks of exactly this packet.
fn has_whole_udp(packet: &[u8], layout: Layout) -> bool {
    u16_at(packet, layout.transport + 4)
        .is_some_and(|length| usize::from(length) == packet.len() - layout.transport)
}

fn same(left: &[u8], right: &[u8], range: std::ops::Range<usize>) -> bool {
    match (left.get(range.clone()), right.get(range)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}
