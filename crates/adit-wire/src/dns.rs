//! Questions for the addresses or the texts of a name, or the servers of a service, and their answers: RFC 1035, RFC 3596,
//! RFC 2782. Over TCP each message follows its length in two bytes, which is the caller's business.

mod name;
mod question;
mod service;
mod text;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_model::Hostname;

use self::name::{Reader, write_name};

pub use self::service::{Server, decode_service_answer, encode_service_question};
pub use self::text::{decode_text_answer, encode_text_question};

const CLASS_INTERNET: u16 = 1;
const CNAME: u16 = 5;
/// A reply to a standard question.
const REPLY: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const NO_SUCH_NAME: u16 = 3;
/// The most aliases from a name to its addresses.
const MOST_ALIASES: usize = 16;
/// The most records of an answer that are looked at.
const MOST_RECORDS: u16 = 256;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// A: IPv4.
    V4,
    /// AAAA: IPv6.
    V6,
}

impl AddressKind {
    const fn code(self) -> u16 {
        match self {
            Self::V4 => 1,
            Self::V6 => 28,
        }
    }
}

/// What a resolver knows of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// In the order of the answer; none if the name has none.
    pub addresses: Vec<IpAddr>,
    /// How long this may be kept, seconds.
    pub ttl_s: u32,
}

/// What is no answer to the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// Cut short, or not of the shape that messages have.
    #[error("malformed answer of the resolver")]
    Malformed,
    /// It answers something else.
    #[error("the resolver answered another question")]
    AnotherQuestion,
    /// The resolver says that it failed.
    #[error("the resolver failed with code {0}")]
    Failed(u8),
}

/// Writes a question.
#[must_use]
pub fn encode_question(id: u16, name: &Hostname, kind: AddressKind) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(18 + name.as_str().len());
    for word in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
        bytes.extend(word.to_be_bytes());
    }
    write_name(name, &mut bytes);
    bytes.extend(kind.code().to_be_bytes());
    bytes.extend(CLASS_INTERNET.to_be_bytes());
    bytes
}

/// Reads the answer to a question. A name that does not exist has no addresses.
///
/// # Errors
/// [`DnsError`]
pub fn decode_answer(
    bytes: &[u8],
    id: u16,
    name: &Hostname,
    kind: AddressKind,
) -> Result<Addresses, DnsError> {
    let mut reader = Reader::new(bytes);
    let [got, flags, questions, answers, _, _] = reader.words()?;
    if got != id || flags & (REPLY | OPCODE) != REPLY || questions != 1 {
        return Err(DnsError::AnotherQuestion);
    }
    let asked = reader.name()?;
    let [asked_kind, class] = reader.words()?;
    if asked != name.as_str() || asked_kind != kind.code() || class != CLASS_INTERNET {
        return Err(DnsError::AnotherQuestion);
    }
    match flags & 0xf {
        0 if flags & TRUNCATED == 0 => {}
        0 => return Err(DnsError::Malformed),
        NO_SUCH_NAME => {
            return Ok(Addresses {
                addresses: Vec::new(),
                ttl_s: 0,
            });
        }
        code => return Err(DnsError::Failed(u8::try_from(code).unwrap_or(u8::MAX))),
    }
    let records = (0..answers.min(MOST_RECORDS)).map(|_| Record::read(&mut reader, kind));
    let records = records.collect::<Result<Vec<_>, _>>()?;
    Ok(followed(&records, asked))
}

struct Record {
    owner: String,
    ttl_s: u32,
    data: Data,
}

enum Data {
    Address(IpAddr),
    Alias(String),
    Other,
}

impl Record {
    fn read(reader: &mut Reader<'_>, wanted: AddressKind) -> Result<Self, DnsError> {
        let owner = reader.name()?;
        let [kind, class, high, low, length] = reader.words()?;
        let start = reader.place();
        let data = match (class == CLASS_INTERNET, kind) {
            (true, CNAME) => Data::Alias(reader.name()?),
            (true, code) if code == wanted.code() => Data::Address(match wanted {
                AddressKind::V4 => IpAddr::V4(Ipv4Addr::from(reader.bytes::<4>()?)),
                AddressKind::V6 => IpAddr::V6(Ipv6Addr::from(reader.bytes::<16>()?)),
            }),
            (_, _) => {
                reader.skip(usize::from(length))?;
                Data::Other
            }
        };
        if reader.place() != start + usize::from(length) {
            return Err(DnsError::Malformed);
        }
        Ok(Self {
            owner,
            ttl_s: (u32::from(high) << 16) | u32::from(low),
            data,
        })
    }
}

/// The addresses that a name leads to, over its aliases.
fn followed(records: &[Record], asked: String) -> Addresses {
    let (mut name, mut ttl_s) = (asked, u32::MAX);
    for _ in 0..=MOST_ALIASES {
        let of_name = || records.iter().filter(|record| record.owner == name);
        let addresses: Vec<(IpAddr, u32)> = of_name()
            .filter_map(|record| match record.data {
                Data::Address(address) => Some((address, record.ttl_s)),
                Data::Alias(_) | Data::Other => None,
            })
            .collect();
        if !addresses.is_empty() {
            let least = addresses.iter().map(|(_, ttl)| *ttl).fold(ttl_s, u32::min);
            return Addresses {
                addresses: addresses.into_iter().map(|(address, _)| address).collect(),
                ttl_s: least,
            };
        }
        let alias = of_name().find_map(|record| match &record.data {
            Data::Alias(target) => Some((target.clone(), record.ttl_s)),
            Data::Address(_) | Data::Other => None,
        });
        let Some((target, ttl)) = alias else { break };
        ttl_s = ttl_s.min(ttl);
        name = target;
    }
    Addresses {
        addresses: Vec::new(),
        ttl_s: 0,
    }
}

#[cfg(test)]
mod tests;
