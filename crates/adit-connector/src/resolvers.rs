//! The system's resolvers, and questions to one of them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use adit_wire::dns::DnsError;
use tokio::net::UdpSocket;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// As many as the system's own library asks.
const MOST: usize = 3;
/// The largest answer over UDP that is looked at, bytes.
const MAX_ANSWER_BYTES: usize = 4096;

/// Whom the system asks, in its order; at least one.
pub(crate) fn system() -> Vec<SocketAddr> {
    of(&std::fs::read_to_string(RESOLV_CONF).unwrap_or_default())
}

/// The lines `nameserver ADDRESS`; a resolver on this machine where there is none.
fn of(resolv_conf: &str) -> Vec<SocketAddr> {
    let words = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next() == Some("nameserver".to_owned()))
            .then(|| words.next())
            .flatten()
    };
    let address = |text: String| text.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 53));
    let found: Vec<_> = resolv_conf
        .lines()
        .filter_map(words)
        .filter_map(address)
        .take(MOST)
        .collect();
    match found.is_empty() {
        true => vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 53))],
        false => found,
    }
}

/// Asks a resolver over UDP, and waits for the answer to that question as long as it takes.
///
/// # Errors
/// What the system says, or what `decode` has against the answer.
pub(crate) async fn ask<T>(
    resolver: SocketAddr,
    question: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, DnsError>,
) -> io::Result<T> {
    let any: IpAddr = match resolver {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(resolver).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; MAX_ANSWER_BYTES];
    loop {
        let length = socket.recv(&mut buffer).await?;
        match decode(buffer.get(..length).unwrap_or_default()) {
            Ok(answer) => return Ok(answer),
            // Late, or somebody's guess.
            Err(DnsError::AnotherQuestion) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_those_of_the_system() {
        let text =
            "# home\nnameserver 192.0.2.53\nsearch lan\nnameserver\t2001:db8::53\nnameserver nonsense\n";
        let resolvers = of(text);
        assert_eq!(resolvers.len(), 2);
        assert_eq!(resolvers[0], "192.0.2.53:53".parse().unwrap());
        assert_eq!(of(""), ["127.0.0.1:53".parse().unwrap()]);
    }
}
