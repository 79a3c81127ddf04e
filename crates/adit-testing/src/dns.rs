//! A DNS server over UDP that answers from a list of records, for as long as nobody tells it to be silent.

mod message;

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::Mutex;

use self::message::{Question, Record, answer};

/// How soon a server notices that it was dropped.
const LOOK_UP: Duration = Duration::from_millis(50);

/// What a server knows. Names are compared as they are, in lower case, without a last dot.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    records: BTreeMap<String, Vec<Record>>,
}

impl Zone {
    /// Nothing yet: every name is unknown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an address of a name.
    #[must_use]
    pub fn address(self, name: &str, address: impl Into<IpAddr>) -> Self {
        self.with(name, Record::Address(address.into()))
    }

    /// Adds a server of a service (SRV), of the first priority and no weight.
    #[must_use]
    pub fn service(self, name: &str, target: &str, port: u16) -> Self {
        self.with(name, Record::Service(target.to_owned(), port))
    }

    /// Adds a text of a name; at most 255 bytes.
    #[must_use]
    pub fn text(self, name: &str, text: &str) -> Self {
        self.with(name, Record::Text(text.to_owned()))
    }

    fn with(mut self, name: &str, record: Record) -> Self {
        self.records.entry(name.to_owned()).or_default().push(record);
        self
    }
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct DnsServer {
    addr: SocketAddr,
    shared: Arc<Shared>,
    serving: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    zone: Mutex<Zone>,
    asked: Mutex<Vec<String>>,
    silent: AtomicBool,
    ended: AtomicBool,
}

impl DnsServer {
    /// Starts it. To be called inside the namespace that it is to serve.
    ///
    /// # Panics
    /// When the address cannot be had.
    #[must_use]
    pub fn start(addr: SocketAddr, zone: Zone) -> Self {
        let socket = UdpSocket::bind(addr).expect("an address for the DNS server");
        socket.set_read_timeout(Some(LOOK_UP)).expect("a time limit");
        let addr = socket.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            zone: Mutex::new(zone),
            asked: Mutex::default(),
            silent: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let serving = thread::spawn(move || serving.serve(&socket));
        Self {
            addr,
            shared,
            serving: Some(serving),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The names that were asked for, in that order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().clone()
    }

    /// Knows this from now on, and nothing else.
    pub fn serve(&self, zone: Zone) {
        *self.shared.zone.lock() = zone;
    }

    /// Answers nobody, or everybody again.
    pub fn set_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::Relaxed);
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(serving) = self.serving.take() {
            drop(serving.join());
        }
    }
}

impl Shared {
    fn serve(&self, socket: &UdpSocket) {
        let mut buffer = [0; 2048];
        while !self.ended.load(Ordering::Relaxed) {
            let (length, from) = match socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    continue;
                }
                Err(error) => panic!("the DNS server cannot receive: {error}"),
            };
            let Some(question) = Question::read(&buffer[..length]) else {
                continue;
            };
            self.asked.lock().push(question.name.clone());
            if self.silent.load(Ordering::Relaxed) {
                continue;
            }
            let zone = self.zone.lock();
            let records = zone.records.get(&question.name).map(Vec::as_slice);
            // Whoever asked may be gone.
            drop(socket.send_to(&answer(&question, records), from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for the records of a kind and returns the answer's bytes.
    fn ask(server: &DnsServer, name: &str, kind: u16) -> Vec<u8> {
        let mut question = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            question.push(u8::try_from(label.len()).unwrap());
            question.extend(label.bytes());
        }
        question.push(0);
        question.extend([kind.to_be_bytes(), [0, 1]].concat());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.send_to(&question, server.addr()).unwrap();
        let mut answer = vec![0; 512];
        let length = socket.recv(&mut answer).unwrap();
        answer.truncate(length);
        answer
    }

    #[test]
    fn a_name_has_the_records_that_it_was_given_and_no_others() {
        let zone = Zone::new()
            .address("edge.example", [192, 0, 2, 1])
            .address("edge.example", [192, 0, 2, 2])
            .service("_x._tcp.example", "edge.example", 7844);
        let server = DnsServer::start("127.0.0.1:0".parse().unwrap(), zone);
        let two = ask(&server, "edge.example", 1);
        assert_eq!(two[..8], [0x12, 0x34, 0x85, 0x80, 0, 1, 0, 2]);
        assert!(two.ends_with(&[0, 4, 192, 0, 2, 2]));
        let no_ipv6 = ask(&server, "edge.example", 28);
        assert_eq!(no_ipv6[2..8], [0x85, 0x80, 0, 1, 0, 0]);
        let service = ask(&server, "_x._tcp.example", 33);
        assert!(service.ends_with(b"\x00\x14\x00\x01\x00\x00\x1e\xa4\x04edge\x07example\x00"));
        let unknown = ask(&server, "other.example", 1);
        assert_eq!(unknown[2..8], [0x85, 0x83, 0, 1, 0, 0]);
        assert_eq!(server.asked().last().unwrap(), "other.example");
    }

    #[test]
    fn the_systems_own_decoder_reads_a_service() {
        let zone = Zone::new().service("_a._tcp.example", "one.example", 7844);
        let server = DnsServer::start("127.0.0.1:0".parse().unwrap(), zone);
        let answer = ask(&server, "_a._tcp.example", 33);
        let servers = adit_wire::dns::decode_service_answer(&answer, 0x1234, "_a._tcp.example").unwrap();
        assert_eq!(
            (servers[0].target.as_str(), servers[0].port),
            ("one.example", 7844)
        );
    }
}
