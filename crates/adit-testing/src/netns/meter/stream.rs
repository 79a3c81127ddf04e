//! A TCP connection on which something is always under way.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;

use super::{Arrivals, Background, Pace};
use crate::netns::Namespace;

/// What is sent at a time.
const CHUNK: usize = 512;
/// How long either side waits at a time.
const LIMIT: Duration = Duration::from_millis(200);
/// How long it may take to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A connection on which a chunk of 512 bytes is sent every 10 ms, in one direction.
#[derive(Debug)]
pub struct Stream {
    arrivals: Arrivals,
    failure: Failure,
    _background: [Background; 2],
}

#[derive(Debug, Clone, Default)]
struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    /// Keeps the first one.
    fn note(&self, end: &str, error: &io::Error) {
        self.0.lock().get_or_insert_with(|| format!("{end}: {error}"));
    }
}

impl Stream {
    /// Connects and begins.
    ///
    /// # Panics
    /// When there is no connection within 5 s.
    #[must_use]
    pub fn start(from: &Namespace, to: &Namespace, address: IpAddr) -> Self {
        let listener = to
            .inside(|| TcpListener::bind(SocketAddr::new(address, 0)))
            .expect("the far host has this address");
        let at = listener.local_addr().expect("it listens");
        let near = from
            .inside(|| TcpStream::connect_timeout(&at, CONNECT_LIMIT))
            .expect("a connection to the far host");
        let (far, _) = listener.accept().expect("the connection at the far host");
        near.set_nodelay(true).expect("no delay");
        near.set_write_timeout(Some(LIMIT)).expect("a time limit");
        far.set_read_timeout(Some(LIMIT)).expect("a time limit");
        let (arrivals, failure) = (Arrivals::default(), Failure::default());
        let (noted, failed, failed_too) = (arrivals.clone(), failure.clone(), failure.clone());
        Self {
            arrivals,
            failure,
            _background: [
                Background::start(move |stop| send(near, &failed, stop)),
                Background::start(move |stop| receive(far, &noted, &failed_too, stop)),
            ],
        }
    }

    /// When each whole chunk arrived.
    #[must_use]
    pub const fn chunks(&self) -> &Arrivals {
        &self.arrivals
    }

    /// How it broke, if it did: which end, and the error there.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.0.lock().clone()
    }
}

fn is_only_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    ) && error.raw_os_error() != Some(rustix::io::Errno::TIMEDOUT.raw_os_error())
}

fn send(mut stream: TcpStream, failure: &Failure, stop: &AtomicBool) {
    let chunk = [0x5a; CHUNK];
    let (mut pace, mut sent) = (Pace::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let wait = pace.wait();
        if !wait.is_zero() {
            thread::sleep(wait);
            continue;
        }
        match stream.write(&chunk[sent..]) {
            Ok(more) => sent = (sent + more) % CHUNK,
            Err(error) if is_only_late(&error) => {}
            Err(error) => return failure.note("sending", &error),
        }
    }
}

fn receive(mut stream: TcpStream, arrivals: &Arrivals, failure: &Failure, stop: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    let mut open = 0;
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return failure.note("receiving", &io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => {
                open += more;
                (0..open / CHUNK).for_each(|_| arrivals.note());
                open %= CHUNK;
            }
            Err(error) if is_only_late(&error) => {}
            Err(error) => return failure.note("receiving", &error),
        }
    }
}
