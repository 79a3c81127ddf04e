//! Questions and answers as bytes (RFC 1035, RFC 2782).

use std::net::IpAddr;

/// Where the question's name begins: what an answer refers to.
const NAME_AT: [u8; 2] = [0xc0, 12];
/// The header and the parts of a question after its name.
const HEADER: usize = 12;

/// What a name has.
#[derive(Clone, Debug)]
pub(super) enum Record {
    Address(IpAddr),
    /// Target and port.
    Service(String, u16),
    Text(String),
}

impl Record {
    const fn kind(&self) -> u16 {
        match self {
            Self::Address(IpAddr::V4(_)) => 1,
            Self::Text(_) => 16,
            Self::Address(IpAddr::V6(_)) => 28,
            Self::Service(..) => 33,
        }
    }

    fn data(&self) -> Vec<u8> {
        match self {
            Self::Address(IpAddr::V4(ip)) => ip.octets().to_vec(),
            Self::Address(IpAddr::V6(ip)) => ip.octets().to_vec(),
            Self::Service(target, port) => {
                // Priority and weight come first.
                let mut data = [[0, 1], [0, 0], port.to_be_bytes()].concat();
                data.extend(encode(target));
                data
            }
            Self::Text(text) => labelled(text),
        }
    }
}

/// A question that came.
#[derive(Debug)]
pub(super) struct Question {
    id: [u8; 2],
    pub(super) name: String,
    kind: u16,
}

impl Question {
    /// `None` for what is no question.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let id = message.first_chunk()?;
        let mut rest = message.get(HEADER..)?;
        let mut labels = Vec::new();
        loop {
            let (length, behind) = rest.split_first()?;
            if *length == 0 {
                rest = behind;
                break;
            }
            let (label, behind) = behind.split_at_checked(usize::from(*length))?;
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
            rest = behind;
        }
        Some(Self {
            id: *id,
            name: labels.join("."),
            kind: u16::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

/// The answer of a server that knows these records of the name; `None`: it does not know the name.
pub(super) fn answer(question: &Question, records: Option<&[Record]>) -> Vec<u8> {
    let fitting: Vec<&Record> = records
        .unwrap_or_default()
        .iter()
        .filter(|record| record.kind() == question.kind)
        .collect();
    let code = if records.is_some() { 0x80 } else { 0x83 };
    let count = u16::try_from(fitting.len()).expect("few records");
    let mut message = question.id.to_vec();
    message.extend([0x85, code, 0, 1]);
    message.extend(count.to_be_bytes());
    message.extend([0; 4]);
    message.extend(encode(&question.name));
    message.extend([question.kind.to_be_bytes(), [0, 1]].concat());
    for record in fitting {
        let data = record.data();
        message.extend(NAME_AT);
        message.extend([question.kind.to_be_bytes(), [0, 1]].concat());
        // It may be kept for no time at all.
        message.extend([0; 4]);
        message.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
        message.extend(data);
    }
    message
}

fn encode(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.split('.').flat_map(labelled).collect();
    bytes.push(0);
    bytes
}

fn labelled(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short label");
    [&[length], text.as_bytes()].concat()
}
