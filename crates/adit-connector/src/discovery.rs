//! Finds edges by DNS where none is named, as stock connectors do: an SRV record with a name for each region.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use adit_net::tls::{self, TrustAnchors};
use adit_wire::dns::{Server, decode_service_answer, encode_service_question};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{EdgeAddress, resolvers};

/// The service, without the region before it.
const SERVICE: &str = "v2-origintunneld._tcp.argotunnel.com";
/// A resolver of the system answers by then, or is asked once more.
const LIMIT: Duration = Duration::from_secs(2);
const ROUNDS: usize = 2;
/// The resolver that is asked over TLS when none of the system's answers.
const FALLBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)), 853);
const FALLBACK_NAME: &str = "cloudflare-dns.com";
const FALLBACK_LIMIT: Duration = Duration::from_secs(15);
/// Fewer regions than this are none, as for stock connectors.
const LEAST_REGIONS: usize = 2;

/// Why no edges were found.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The region's name cannot be part of a DNS name.
    #[error("{0:?} is no region")]
    BadRegion(String),
    /// Neither the system's resolvers nor the one behind them gave an answer.
    #[error("could not look up the SRV records of {name}")]
    LookUp {
        /// What was asked for.
        name: String,
        /// Why the last one failed.
        #[source]
        cause: io::Error,
    },
    /// The answer names too few servers.
    #[error("{name} names {count} regions of edges; two are needed")]
    TooFew {
        /// What was asked for.
        name: String,
        /// How many there are.
        count: usize,
    },
}

/// The edges of a region (`us`, `fed`), or of all: a name for each half of it.
///
/// # Errors
/// See [`DiscoveryError`]. Only [`DiscoveryError::BadRegion`] is for ever.
pub async fn discover_edges(region: Option<&str>) -> Result<Vec<EdgeAddress>, DiscoveryError> {
    let name = service_name(region)?;
    let resolvers = resolvers::system();
    let mut found = Err(io::ErrorKind::NotFound.into());
    for resolver in resolvers.iter().cycle().take(resolvers.len() * ROUNDS) {
        found = limited(LIMIT, ask(*resolver, &name)).await;
        if found.is_ok() {
            break;
        }
    }
    if found.is_err() {
        found = limited(FALLBACK_LIMIT, ask_over_tls(FALLBACK, FALLBACK_NAME, &name)).await;
    }
    match found {
        Ok(servers) => edges_of(name, servers),
        Err(cause) => Err(DiscoveryError::LookUp { name, cause }),
    }
}

fn service_name(region: Option<&str>) -> Result<String, DiscoveryError> {
    let Some(region) = region.filter(|region| !region.is_empty()) else {
        return Ok(format!("_{SERVICE}"));
    };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match region.len() <= 32 && region.chars().all(is_word) {
        true => Ok(format!("_{region}-{SERVICE}")),
        false => Err(DiscoveryError::BadRegion(region.to_owned())),
    }
}

fn edges_of(name: String, servers: Vec<Server>) -> Result<Vec<EdgeAddress>, DiscoveryError> {
    let address = |server: &Server| format!("{}:{}", server.target, server.port).parse().ok();
    let edges: Vec<_> = servers.iter().filter_map(address).collect();
    match edges.len() {
        count @ 0..LEAST_REGIONS => Err(DiscoveryError::TooFew { name, count }),
        _ => Ok(edges),
    }
}

async fn limited<T>(limit: Duration, asking: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let answered = tokio::time::timeout(limit, asking).await;
    answered.unwrap_or_else(|elapsed| Err(elapsed.into()))
}

async fn ask(resolver: SocketAddr, name: &str) -> io::Result<Vec<Server>> {
    let id = rand::random();
    let question = encode_service_question(id, name).ok_or(io::ErrorKind::InvalidInput)?;
    let decode = |answer: &[u8]| decode_service_answer(answer, id, name);
    resolvers::ask(resolver, &question, decode).await
}

async fn ask_over_tls(resolver: SocketAddr, server_name: &str, name: &str) -> io::Result<Vec<Server>> {
    let config = tls::outgoing_config(&TrustAnchors::System).map_err(io::Error::other)?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let server_name = server_name.to_owned().try_into().map_err(io::Error::other)?;
    let tcp = TcpStream::connect(resolver).await?;
    let mut stream = connector.connect(server_name, tcp).await?;
    let id = rand::random();
    let question = encode_service_question(id, name).ok_or(io::ErrorKind::InvalidInput)?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes()[..], &question].concat())
        .await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    decode_service_answer(&answer, id, name).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    #[test]
    fn a_region_is_part_of_the_services_name() {
        assert_eq!(
            service_name(None).unwrap(),
            "_v2-origintunneld._tcp.argotunnel.com"
        );
        assert_eq!(
            service_name(Some("")).unwrap(),
            "_v2-origintunneld._tcp.argotunnel.com"
        );
        assert_eq!(
            service_name(Some("us")).unwrap(),
            "_us-v2-origintunneld._tcp.argotunnel.com"
        );
        assert!(service_name(Some("u.s")).is_err());
    }

    #[test]
    fn two_regions_are_two_edges_and_one_is_none() {
        let server = |target: &str| Server {
            priority: 1,
            weight: 1,
            port: 7844,
            target: target.to_owned(),
        };
        let edges = edges_of("x".to_owned(), vec![server("a.example"), server("b.example")]).unwrap();
        let texts: Vec<_> = edges.iter().map(EdgeAddress::as_str).collect();
        assert_eq!(texts, ["a.example:7844", "b.example:7844"]);
        assert!(edges_of("x".to_owned(), vec![server("a.example")]).is_err());
    }

    #[tokio::test]
    async fn an_answer_to_another_question_is_passed_over() {
        let resolver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = resolver.local_addr().unwrap();
        let name = service_name(None).unwrap();
        let answering = async {
            let mut question = [0; 512];
            let (length, from) = resolver.recv_from(&mut question).await.unwrap();
            let mut none = question[..length].to_vec();
            none[2..4].copy_from_slice(&[0x81, 0x83]);
            let mut other = none.clone();
            other[0] ^= 1;
            resolver.send_to(&other, from).await.unwrap();
            resolver.send_to(&none, from).await.unwrap();
        };
        let (found, ()) = tokio::join!(limited(LIMIT, ask(addr, &name)), answering);
        assert_eq!(found.unwrap(), []);
    }
}
