//! The IP header around ICMP.

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};

use super::{IcmpError, checksum::Checksum};

const IPV4_HEADER_BYTES: usize = 20;
const IPV6_HEADER_BYTES: usize = 40;
/// "More fragments", and where in the whole a fragment belongs.
const FRAGMENT_BITS: u16 = 0x3FFF;
const DO_NOT_FRAGMENT: u16 = 0x4000;

/// ICMP of which family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    V4,
    V6,
}

impl Protocol {
    pub(super) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Its number in an IP header.
    const fn number(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 58,
        }
    }

    /// An IP header without options.
    pub(super) const fn header_bytes(self) -> usize {
        match self {
            Self::V4 => IPV4_HEADER_BYTES,
            Self::V6 => IPV6_HEADER_BYTES,
        }
    }

    pub(super) const fn echo_request(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    pub(super) const fn echo_reply(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }

    pub(super) const fn time_exceeded(self) -> u8 {
        match self {
            Self::V4 => 11,
            Self::V6 => 3,
        }
    }

    /// The checksum of a message. That of IPv6 covers the addresses; `None` if those are of another family.
    pub(super) fn checksum(self, source: IpAddr, destination: IpAddr, icmp: &[u8]) -> Option<u16> {
        let sum = match (self, source, destination) {
            (Self::V4, IpAddr::V4(_), IpAddr::V4(_)) => Checksum::default(),
            (Self::V6, IpAddr::V6(source), IpAddr::V6(destination)) => Checksum::default()
                .add(&source.octets())
                .add(&destination.octets())
                .add(&u32::try_from(icmp.len()).ok()?.to_be_bytes())
                .add(&[0, self.number()]),
            (Self::V4 | Self::V6, _, _) => return None,
        };
        Some(sum.add(icmp).value())
    }
}

/// Writes a header for so many bytes of ICMP; `None` if it cannot be.
pub(super) fn put_header(
    out: &mut BytesMut,
    source: IpAddr,
    destination: IpAddr,
    hops: u8,
    icmp_bytes: usize,
) -> Option<()> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let length = u16::try_from(IPV4_HEADER_BYTES + icmp_bytes).ok()?;
            let mut header = [0; IPV4_HEADER_BYTES];
            let mut fields = &mut header[..];
            fields.put_slice(&[0x45, 0]);
            fields.put_u16(length);
            fields.put_u16(0);
            fields.put_u16(DO_NOT_FRAGMENT);
            fields.put_slice(&[hops, Protocol::V4.number(), 0, 0]);
            fields.put_slice(&source.octets());
            fields.put_slice(&destination.octets());
            let sum = Checksum::default().add(&header).value();
            header.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
            out.put_slice(&header);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            out.put_u32(0x6000_0000);
            out.put_u16(u16::try_from(icmp_bytes).ok()?);
            out.put_slice(&[Protocol::V6.number(), hops]);
            out.put_slice(&source.octets());
            out.put_slice(&destination.octets());
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    }
    Some(())
}

/// What a header says.
pub(super) struct Header {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) hops: u8,
    pub(super) protocol: Protocol,
    /// Where the ICMP begins.
    pub(super) begins: usize,
    /// Its length as the header says; there may be less.
    pub(super) length: usize,
}

/// Reads the header of a whole packet.
pub(super) fn read_checked(bytes: &[u8]) -> Result<Header, IcmpError> {
    let header = read_header(bytes)?;
    let options = bytes.get(..header.begins).ok_or(IcmpError::Short)?;
    if header.protocol == Protocol::V4 && Checksum::default().add(options).value() != 0 {
        return Err(IcmpError::Checksum);
    }
    Ok(header)
}

/// Reads the header of a packet that is quoted: it may be cut, and a router may have changed it without its checksum.
pub(super) fn read_header(bytes: &[u8]) -> Result<Header, IcmpError> {
    match bytes.first().ok_or(IcmpError::Short)? >> 4 {
        4 => read_v4(bytes),
        6 => read_v6(bytes),
        _ => Err(IcmpError::NotIcmp),
    }
}

fn read_v4(bytes: &[u8]) -> Result<Header, IcmpError> {
    let header: &[u8; IPV4_HEADER_BYTES] = bytes.first_chunk().ok_or(IcmpError::Short)?;
    let [
        first,
        _,
        length,
        length_low,
        _,
        _,
        fragment,
        fragment_low,
        hops,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = *header;
    let begins = usize::from(first & 0x0F) * 4;
    let length = usize::from(u16::from_be_bytes([length, length_low]));
    if begins < IPV4_HEADER_BYTES {
        return Err(IcmpError::Short);
    }
    if protocol != Protocol::V4.number() {
        return Err(IcmpError::NotIcmp);
    }
    if u16::from_be_bytes([fragment, fragment_low]) & FRAGMENT_BITS != 0 {
        return Err(IcmpError::Fragment);
    }
    let [a, b, c, d, e, f, g, h] = addresses;
    Ok(Header {
        source: IpAddr::from([a, b, c, d]),
        destination: IpAddr::from([e, f, g, h]),
        hops,
        protocol: Protocol::V4,
        begins,
        length: length.checked_sub(begins).ok_or(IcmpError::Short)?,
    })
}

fn read_v6(bytes: &[u8]) -> Result<Header, IcmpError> {
    let header: &[u8; IPV6_HEADER_BYTES] = bytes.first_chunk().ok_or(IcmpError::Short)?;
    let [_, _, _, _, length, length_low, next, hops, addresses @ ..] = *header;
    match next {
        58 => {}
        44 => return Err(IcmpError::Fragment),
        _ => return Err(IcmpError::NotIcmp),
    }
    let (source, destination) = addresses.split_at(16);
    let address = |octets: &[u8]| {
        let octets: Result<[u8; 16], _> = octets.try_into();
        octets.map(IpAddr::from).map_err(|_| IcmpError::Short)
    };
    Ok(Header {
        source: address(source)?,
        destination: address(destination)?,
        hops,
        protocol: Protocol::V6,
        begins: IPV6_HEADER_BYTES,
        length: usize::from(u16::from_be_bytes([length, length_low])),
    })
}
