//! The probes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::{net::TcpStream, time::timeout};

use super::{LanProbe, watch::LIMIT};
use crate::node::check::{Echo, echo};

/// Whether it is answered.
pub(super) async fn passes(probe: LanProbe) -> bool {
    match probe {
        LanProbe::Icmp(to) => {
            let from = match to {
                IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
                IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            };
            matches!(echo(from, to, LIMIT).await, Ok(Echo::Answered { .. }))
        }
        LanProbe::Tcp(to) => matches!(timeout(LIMIT, TcpStream::connect(to)).await, Ok(Ok(_))),
    }
}
