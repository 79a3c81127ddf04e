//! Looks edges' names up, anew for every dial, and remembers the last answers for when DNS is down.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::EdgeAddress;

/// Dials that want the same name within this share a look-up.
const SHARED_FOR: Duration = Duration::from_millis(600);
/// How long a dial waits for an answer while older ones are known.
const IMPATIENCE: Duration = Duration::from_millis(500);
/// How long it waits where none is.
const PATIENCE: Duration = Duration::from_secs(4);
/// Look-ups of one name under way: the system's can take half a minute each while DNS is down.
const MAX_UNDER_WAY: usize = 32;
/// Addresses taken of one name.
const MAX_ADDRESSES: usize = 32;

/// Looks a name up as the system does.
type System = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The names of a connector's edges.
pub(crate) struct Names {
    names: Mutex<BTreeMap<String, Name>>,
    system: Arc<System>,
}

struct Name {
    known: Vec<SocketAddr>,
    began: Option<Instant>,
    /// Counts the look-ups that have ended.
    ended: watch::Sender<u64>,
    under_way: usize,
    failure: Option<String>,
}

impl Names {
    /// Asks the system's resolver.
    pub(crate) fn new() -> Arc<Self> {
        Self::asking(Arc::new(|name| Ok(name.to_socket_addrs()?.collect())))
    }

    fn asking(system: Arc<System>) -> Arc<Self> {
        Arc::new(Self {
            names: Mutex::default(),
            system,
        })
    }

    /// Every address that is known now.
    pub(crate) fn known(&self) -> Vec<SocketAddr> {
        let names = self.names.lock();
        names
            .values()
            .flat_map(|name| name.known.iter().copied())
            .collect()
    }

    /// The addresses of an edge; at least one. Where DNS does not answer in time, those of its last answer.
    ///
    /// # Errors
    /// If there is none and never was.
    pub(crate) async fn look_up(self: &Arc<Self>, edge: &EdgeAddress) -> io::Result<Vec<SocketAddr>> {
        let text = edge.as_str();
        if let Ok(addr) = text.parse::<SocketAddr>() {
            self.names
                .lock()
                .entry(text.to_owned())
                .or_insert_with(Name::new)
                .known = vec![addr];
            return Ok(vec![addr]);
        }
        let (waiting, is_known) = self.ask(text, Instant::now())?;
        if let Some(mut ended) = waiting {
            let patience = if is_known { IMPATIENCE } else { PATIENCE };
            // What came of it is read below.
            drop(tokio::time::timeout(patience, ended.changed()).await);
        }
        let names = self.names.lock();
        let name = names.get(text);
        match name {
            Some(name) if !name.known.is_empty() => Ok(name.known.clone()),
            Some(Name {
                failure: Some(failure),
                ..
            }) => Err(io::Error::other(failure.clone())),
            Some(_) | None => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Begins a look-up unless one has just begun. What to wait for, and whether an older answer is known.
    fn ask(self: &Arc<Self>, text: &str, now: Instant) -> io::Result<(Option<watch::Receiver<u64>>, bool)> {
        let mut names = self.names.lock();
        let name = names.entry(text.to_owned()).or_insert_with(Name::new);
        let is_known = !name.known.is_empty();
        let fresh = name.began.is_some_and(|began| now - began < SHARED_FOR);
        if fresh || name.under_way >= MAX_UNDER_WAY {
            let waiting = (name.under_way > 0).then(|| name.ended.subscribe());
            return Ok((waiting, is_known));
        }
        let (this, asked) = (Arc::clone(self), text.to_owned());
        // The system cannot be told to give up. A thread that nobody waits for does not hold up the end of the process.
        let asking = std::thread::Builder::new().name("look-up".to_owned());
        asking.spawn(move || {
            let answer = (this.system)(&asked);
            this.ended(&asked, answer);
        })?;
        name.began = Some(now);
        name.under_way += 1;
        Ok((Some(name.ended.subscribe()), is_known))
    }

    fn ended(&self, text: &str, answer: io::Result<Vec<SocketAddr>>) {
        let mut names = self.names.lock();
        let Some(name) = names.get_mut(text) else { return };
        name.under_way = name.under_way.saturating_sub(1);
        match answer {
            Ok(mut found) if !found.is_empty() => {
                found.truncate(MAX_ADDRESSES);
                name.known = found;
                name.failure = None;
            }
            Ok(_none) => name.failure = Some("the name has no address".to_owned()),
            Err(error) => name.failure = Some(error.to_string()),
        }
        name.ended.send_modify(|ended| *ended += 1);
    }
}

impl Name {
    fn new() -> Self {
        Self {
            known: Vec::new(),
            began: None,
            ended: watch::Sender::new(0),
            under_way: 0,
            failure: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn edge() -> EdgeAddress {
        "edge.example:7844".parse().unwrap()
    }

    fn addr(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 7844))
    }

    #[tokio::test]
    async fn dials_at_the_same_time_share_a_look_up() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let names = Names::asking(Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(vec![addr(1)])
        }));
        let edge = edge();
        let (one, two) = tokio::join!(names.look_up(&edge), names.look_up(&edge));
        assert_eq!((one.unwrap(), two.unwrap()), (vec![addr(1)], vec![addr(1)]));
        assert_eq!(names.look_up(&edge).await.unwrap(), [addr(1)]);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(names.known(), [addr(1)]);
    }

    #[tokio::test]
    async fn while_dns_hangs_the_last_answer_is_used() {
        let (hang, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let asked = AtomicUsize::new(0);
        let names = Names::asking(Arc::new(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(vec![addr(1)]),
            // Until the test is over.
            _ => Err(io::Error::other(format!("{:?}", held.lock().recv()))),
        }));
        let edge = edge();
        assert_eq!(names.look_up(&edge).await.unwrap(), [addr(1)]);
        names.names.lock().get_mut(edge.as_str()).unwrap().began = None;
        let began = Instant::now();
        assert_eq!(names.look_up(&edge).await.unwrap(), [addr(1)]);
        assert!(began.elapsed() < Duration::from_secs(2));
        drop(hang);
    }

    #[tokio::test]
    async fn a_name_that_never_had_an_address_is_an_error_that_says_why() {
        let names = Names::asking(Arc::new(|_| Err(io::Error::other("no such name"))));
        let error = names.look_up(&edge()).await.unwrap_err();
        assert_eq!(error.to_string(), "no such name");
        let names = Names::asking(Arc::new(|_| Ok(Vec::new())));
        let error = names.look_up(&edge()).await.unwrap_err();
        assert_eq!(error.to_string(), "the name has no address");
    }
}
