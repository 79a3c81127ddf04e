//! Questions for the servers of a service (SRV, RFC 2782), and their answers.

use super::name::Reader;
use super::question::{encode, records};
use super::{CLASS_INTERNET, DnsError};

const SRV: u16 = 33;

/// A server of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The lowest comes first.
    pub priority: u16,
    /// Its share among those of the same priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// Its name, in lower case and without its last dot.
    pub target: String,
}

/// Writes a question; `None` for what is no name.
#[must_use]
pub fn encode_service_question(id: u16, name: &str) -> Option<Vec<u8>> {
    encode(id, name, SRV)
}

/// Reads the answer to a question, the first to be tried first. A service that does not exist has no servers.
///
/// # Errors
/// [`DnsError`]
pub fn decode_service_answer(bytes: &[u8], id: u16, name: &str) -> Result<Vec<Server>, DnsError> {
    let mut servers = Vec::new();
    let (mut reader, answers) = records(bytes, id, name, SRV)?;
    for _ in 0..answers {
        servers.extend(server(&mut reader)?);
    }
    servers.sort_by_key(|server| (server.priority, u16::MAX - server.weight));
    Ok(servers)
}

/// One record, if it is a server.
fn server(reader: &mut Reader<'_>) -> Result<Option<Server>, DnsError> {
    let _owner = reader.name()?;
    let [kind, class, _, _, length] = reader.words()?;
    if (kind, class) != (SRV, CLASS_INTERNET) {
        reader.skip(usize::from(length))?;
        return Ok(None);
    }
    let start = reader.place();
    let [priority, weight, port] = reader.words()?;
    let target = reader.name()?;
    if reader.place() != start + usize::from(length) {
        return Err(DnsError::Malformed);
    }
    // A root alone says that there is no such service.
    let is_there = !target.is_empty() && port > 0;
    Ok(is_there.then_some(Server {
        priority,
        weight,
        port,
        target,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dns::name::write_labels;

    const NAME: &str = "_edge._tcp.example.com";

    fn answer(servers: &[Server]) -> Vec<u8> {
        let mut bytes = encode_service_question(7, NAME).unwrap();
        bytes[2..4].copy_from_slice(&0x8180_u16.to_be_bytes());
        bytes[7] = u8::try_from(servers.len()).unwrap();
        for server in servers {
            let mut data = Vec::new();
            for word in [server.priority, server.weight, server.port] {
                data.extend(word.to_be_bytes());
            }
            write_labels(&server.target, &mut data);
            bytes.extend([0xc0, 12]);
            for word in [SRV, CLASS_INTERNET, 0, 60, u16::try_from(data.len()).unwrap()] {
                bytes.extend(word.to_be_bytes());
            }
            bytes.extend(data);
        }
        bytes
    }

    fn server(priority: u16, target: &str) -> Server {
        Server {
            priority,
            weight: 1,
            port: 7844,
            target: target.to_owned(),
        }
    }

    #[test]
    fn servers_come_in_the_order_of_their_priorities() {
        let bytes = answer(&[server(2, "region2.example.com"), server(1, "region1.example.com")]);
        let servers = decode_service_answer(&bytes, 7, NAME).unwrap();
        assert_eq!(
            servers,
            [server(1, "region1.example.com"), server(2, "region2.example.com")]
        );
        assert_eq!(
            decode_service_answer(&bytes, 8, NAME),
            Err(DnsError::AnotherQuestion)
        );
        assert_eq!(
            decode_service_answer(&bytes, 7, "other"),
            Err(DnsError::AnotherQuestion)
        );
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        for bad in ["", "a..b", ".a", &"a".repeat(64), &"a.".repeat(127)] {
            assert_eq!(encode_service_question(1, bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_answer_cut_anywhere_is_an_error_and_none_panics(at: prop::sample::Index, noise: Vec<u8>) {
            let whole = answer(&[server(1, "a.example"), server(1, "b.example")]);
            prop_assert!(decode_service_answer(&whole[..at.index(whole.len())], 7, NAME).is_err());
            let _ = decode_service_answer(&noise, 7, NAME);
            let _ = decode_service_answer(&[&whole[..40], &noise].concat(), 7, NAME);
        }
    }
}
