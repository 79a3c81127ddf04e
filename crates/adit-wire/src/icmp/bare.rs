//! Echoes without an IP header: as sockets for them take and give them.

use std::net::IpAddr;

use bytes::{Bytes, BytesMut};

use super::{EchoMessage, IcmpError, checksum::Checksum, packet::Protocol};

impl EchoMessage {
    /// The request without an IP header. It has the checksum of IPv4; that of IPv6 covers the addresses, and the system
    /// writes it.
    #[must_use]
    pub fn encode_bare_request(&self, to: IpAddr) -> Bytes {
        let protocol = Protocol::of(to);
        let mut icmp = BytesMut::new();
        self.put(&mut icmp, protocol.echo_request());
        let sum = Checksum::default().add(&icmp).value();
        if let (Protocol::V4, Some(place)) = (protocol, icmp.get_mut(2..4)) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
        icmp.freeze()
    }

    /// Reads a reply without an IP header. The checksum of IPv6 is the system's to look at.
    ///
    /// # Errors
    /// See [`IcmpError`]; [`IcmpError::Kind`] for everything but a reply.
    pub fn decode_bare_reply(from: IpAddr, bytes: &Bytes) -> Result<Self, IcmpError> {
        let protocol = Protocol::of(from);
        let is_reply = match **bytes {
            [kind, code, ..] => kind == protocol.echo_reply() && code == 0,
            _ => return Err(IcmpError::Short),
        };
        if !is_reply {
            return Err(IcmpError::Kind);
        }
        if protocol == Protocol::V4 && Checksum::default().add(bytes).value() != 0 {
            return Err(IcmpError::Checksum);
        }
        Self::read(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    const PEERS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

    /// What a peer would answer to a request.
    fn answered(request: &Bytes, to: IpAddr) -> Bytes {
        let mut reply = request.to_vec();
        reply[0] = Protocol::of(to).echo_reply();
        reply[2..4].fill(0);
        let sum = Checksum::default().add(&reply).value();
        reply[2..4].copy_from_slice(&sum.to_be_bytes());
        reply.into()
    }

    proptest! {
        #[test]
        fn the_answer_to_a_request_is_read(id: u16, sequence: u16, payload in vec(any::<u8>(), 0..1280)) {
            let echo = EchoMessage { id, sequence, payload: payload.into() };
            for peer in PEERS {
                let request = echo.encode_bare_request(peer);
                prop_assert!(EchoMessage::decode_bare_reply(peer, &request).is_err(), "a request is no reply");
                let reply = answered(&request, peer);
                prop_assert_eq!(EchoMessage::decode_bare_reply(peer, &reply), Ok(echo.clone()));
                for cut in 0..8 {
                    prop_assert!(EchoMessage::decode_bare_reply(peer, &reply.slice(..cut)).is_err());
                }
            }
        }

        #[test]
        fn no_input_panics(mut bytes: Vec<u8>, kind in prop::sample::select(&[0_u8, 129, 8])) {
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            for peer in PEERS {
                let _ = EchoMessage::decode_bare_reply(peer, &bytes.clone().into());
            }
        }
    }
}
