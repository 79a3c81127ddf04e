//! Who administers the host from afar: their connections must go on as they are.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The port of SSH.
const SSH: u16 = 22;
/// How the kernel's tables name the state of a connection that is open both ways.
const ESTABLISHED: &str = "01";

/// The far ends of open SSH connections: the one that this process was started from (`SSH_CONNECTION`, as the SSH server
/// sets it), and all to port 22. Connections of the host to itself are none.
pub(super) fn peers(ssh_connection: Option<&str>) -> BTreeSet<IpAddr> {
    let session = ssh_connection.and_then(|text| text.split(' ').next()?.parse().ok());
    // Of this thread's network namespace, as everything else here.
    let tables = ["tcp", "tcp6"]
        .map(|table| fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap_or_default());
    let established = tables.iter().flat_map(|table| of_table(table));
    let all = session.into_iter().chain(established);
    all.map(|address: IpAddr| address.to_canonical())
        .filter(|address| !address.is_loopback())
        .collect()
}

/// The far ends in one of the kernel's tables. Each line has, after its number, the near end, the far end and the state;
/// an end is an address of 32-bit words in the host's byte order, a colon and a port, all hexadecimal.
fn of_table(table: &str) -> impl Iterator<Item = IpAddr> {
    table.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (_, near_port) = end(fields.next()?)?;
        let (far, _) = end(fields.next()?)?;
        (near_port == SSH && fields.next()? == ESTABLISHED).then_some(far)
    })
}

fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut words = Vec::new();
    let mut rest = address;
    while !rest.is_empty() {
        let (word, further) = rest.split_at_checked(8)?;
        words.extend(u32::from_str_radix(word, 16).ok()?.to_ne_bytes());
        rest = further;
    }
    let address = match <[u8; 4]>::try_from(words.as_slice()) {
        Ok(bytes) => Ipv4Addr::from(bytes).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(words.as_slice()).ok()?).into(),
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn only_established_connections_to_port_22_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue\n\
             0: 0500A8C0:0016 097100CB:C350 01 00000000:00000000\n\
             1: 0500A8C0:0016 0A7100CB:C350 06 00000000:00000000\n\
             2: 0500A8C0:01BB 0B7100CB:C350 01 00000000:00000000\n";
        let found: Vec<IpAddr> = of_table(table).collect();
        assert_eq!(found, ["203.0.113.9".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_peer() {
        let text = "0000000000000000FFFF0000097100CB:C350";
        let (address, port) = end(text).unwrap();
        assert_eq!(
            (address.to_canonical(), port),
            ("203.0.113.9".parse().unwrap(), 50_000)
        );
    }

    #[test]
    fn the_session_that_the_node_was_started_from_counts() {
        let found = peers(Some("203.0.113.9 50000 192.0.2.1 2222"));
        assert!(found.contains(&"203.0.113.9".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn no_table_panics(text in ".{0,200}") {
            let _ = of_table(&text).count();
            let _ = peers(Some(&text));
        }
    }
}
