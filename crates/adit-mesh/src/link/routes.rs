//! Which peer a packet is for.

use std::net::IpAddr;

use ipnet::IpNet;

use super::LinkPeer;

/// The prefixes of all peers, the longest first.
#[derive(Debug)]
pub(super) struct Routes(Vec<(IpNet, usize)>);

impl Routes {
    pub(super) fn new(peers: &[LinkPeer]) -> Self {
        let of = |(at, peer): (usize, &LinkPeer)| {
            peer.prefixes
                .iter()
                .map(move |prefix| (*prefix, at))
                .collect::<Vec<_>>()
        };
        let mut routes: Vec<(IpNet, usize)> = peers.iter().enumerate().flat_map(of).collect();
        // Stable: the earlier peer wins.
        routes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.prefix_len()));
        Self(routes)
    }

    /// The peer that this address is behind.
    pub(super) fn find(&self, address: IpAddr) -> Option<usize> {
        self.0
            .iter()
            .find(|(prefix, _)| prefix.contains(&address))
            .map(|(_, peer)| *peer)
    }
}

#[cfg(test)]
mod tests {
    use adit_model::PeerKey;

    use super::*;

    #[test]
    fn the_longest_prefix_wins_then_the_earlier_peer() {
        let peer = |prefixes: &[&str]| LinkPeer {
            key: PeerKey::from_bytes([0; 32]),
            endpoint: None,
            prefixes: prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect(),
            keep_alive: None,
        };
        let routes = Routes::new(&[
            peer(&["0.0.0.0/0", "10.1.0.0/16"]),
            peer(&["10.0.0.0/8", "10.1.0.0/16", "fd00::/8"]),
        ]);
        for (address, expected) in [
            ("10.1.2.3", Some(0)),
            ("10.2.0.1", Some(1)),
            ("192.0.2.1", Some(0)),
            ("fd00::1", Some(1)),
            ("::1", None),
        ] {
            assert_eq!(routes.find(address.parse().unwrap()), expected, "{address}");
        }
    }
}
