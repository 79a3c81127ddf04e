//! Names and numbers of a message.

use adit_model::Hostname;

use super::DnsError;

/// The longest name, with its dots.
const MOST_NAME_BYTES: usize = 255;

pub(super) fn write_name(name: &Hostname, bytes: &mut Vec<u8>) {
    write_labels(name.as_str(), bytes);
}

/// Each label is at most 63 bytes long.
pub(super) fn write_labels(name: &str, bytes: &mut Vec<u8>) {
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap_or_default());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
}

/// Reads a message from its start.
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    place: usize,
}

impl<'b> Reader<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, place: 0 }
    }

    pub(super) const fn place(&self) -> usize {
        self.place
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DnsError> {
        let rest = self.bytes.get(self.place..).and_then(<[u8]>::first_chunk);
        let taken = rest.ok_or(DnsError::Malformed)?;
        self.place += N;
        Ok(*taken)
    }

    pub(super) fn words<const N: usize>(&mut self) -> Result<[u16; N], DnsError> {
        let mut words = [0; N];
        for word in &mut words {
            *word = u16::from_be_bytes(self.bytes()?);
        }
        Ok(words)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'b [u8], DnsError> {
        let start = self.place;
        self.skip(count)?;
        self.bytes.get(start..self.place).ok_or(DnsError::Malformed)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), DnsError> {
        let place = self.place.checked_add(count);
        self.place = place
            .filter(|place| *place <= self.bytes.len())
            .ok_or(DnsError::Malformed)?;
        Ok(())
    }

    /// A name in lower case, without its last dot. Its end may be elsewhere, each time further back, so that this ends.
    pub(super) fn name(&mut self) -> Result<String, DnsError> {
        let mut name = String::new();
        let mut after = None;
        let mut before = self.place;
        loop {
            let [length] = self.bytes()?;
            match length {
                0 => break,
                1..=63 => {
                    let end = self.place + usize::from(length);
                    let label = self.bytes.get(self.place..end).ok_or(DnsError::Malformed)?;
                    self.place = end;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    // What no host name has makes it none that anybody asks for.
                    name.extend(label.iter().map(|byte| match byte {
                        b'.' => '\\',
                        byte => char::from(byte.to_ascii_lowercase()),
                    }));
                    if name.len() > MOST_NAME_BYTES {
                        return Err(DnsError::Malformed);
                    }
                }
                0xc0.. => {
                    let [low] = self.bytes()?;
                    let target = (usize::from(length & 0x3f) << 8) | usize::from(low);
                    if target >= before {
                        return Err(DnsError::Malformed);
                    }
                    after.get_or_insert(self.place);
                    before = target;
                    self.place = target;
                }
                64..=0xbf => return Err(DnsError::Malformed),
            }
        }
        if let Some(after) = after {
            self.place = after;
        }
        Ok(name)
    }
}
