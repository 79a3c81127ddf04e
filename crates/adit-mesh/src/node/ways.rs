//! Keeps the way to the hub: does what [`Ways`] decides.

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use adit_net::quic::QuicConnection;
use adit_wire::mesh::HubAddress;
use tokio::{
    net::lookup_host,
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{Duration, MissedTickBehavior, interval, timeout},
};

use crate::{
    carrier::{CarrierKind, client::CarrierClient, pump},
    hub::path::LEAST_MTU,
    link::{LinkWays, Seen},
    noise::OVERHEAD,
    udp::Endpoint,
    way::{Act, TICK, Timing, Way, Ways},
};

/// How long the look-up of the hub's name may take.
const LOOK_UP: Duration = Duration::from_secs(5);
/// WireGuard pads packets to a multiple of this.
const PADDING: usize = 16;
/// News of carriers that wait; whoever has some waits too.
const WAITING: usize = 8;

/// Where the hub may be, best first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Where it takes datagrams.
    pub(super) udp: Vec<SocketAddr>,
    /// Where carriers are taken.
    pub(super) carriers: Vec<SocketAddr>,
}

impl Places {
    /// As the hub says, or where the edge is.
    pub(super) async fn find(hub: &HubAddress, edge: Option<SocketAddr>) -> Self {
        let mut places = Self {
            udp: found(&hub.endpoints).await,
            carriers: found(&hub.carriers).await,
        };
        if hub.endpoints.is_empty() {
            places
                .udp
                .extend(edge.map(|edge| SocketAddr::new(edge.ip(), hub.port)));
        }
        if let Some(port) = hub.carrier_port
            && hub.carriers.is_empty()
        {
            let hosts = places.udp.iter().map(|place| SocketAddr::new(place.ip(), port));
            places.carriers = hosts.collect();
            places.carriers.dedup();
        }
        places
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = SocketAddr> {
        self.udp.iter().chain(&self.carriers).copied()
    }
}

async fn found(endpoints: &[adit_wire::mesh::Endpoint]) -> Vec<SocketAddr> {
    let mut places = Vec::new();
    for endpoint in endpoints {
        let found = timeout(LOOK_UP, lookup_host((endpoint.host(), endpoint.port()))).await;
        match found {
            Ok(Ok(found)) => places.extend(found),
            Ok(Err(_)) | Err(_) => tracing::warn!(hub = %endpoint, "cannot find the hub's address"),
        }
    }
    places
}

/// The way in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WayNow {
    pub(super) way: Way,
    /// How long a packet may be so that it fits into one datagram of a carrier, bytes.
    pub(super) mtu: Option<u16>,
}

/// Keeps the way of one link until it is dropped.
pub(super) struct WayKeeper {
    places: watch::Sender<Places>,
    now: watch::Receiver<WayNow>,
    _task: JoinSet<()>,
}

impl WayKeeper {
    /// The link dials the first of the places already. Must be called inside a tokio runtime.
    pub(super) fn start(link: LinkWays, client: Arc<CarrierClient>, timing: Timing, places: Places) -> Self {
        let ways = Ways::new(
            timing,
            places.udp.len(),
            !places.carriers.is_empty(),
            Instant::now(),
        );
        let (now_sender, now) = watch::channel(WayNow {
            way: Way::Udp,
            mtu: None,
        });
        let (places, told) = watch::channel(places);
        let (news, events) = mpsc::channel(WAITING);
        let running = Running {
            seen: link.seen(),
            link,
            client,
            ways,
            places: told,
            now: now_sender,
            news,
            events,
            serial: 0,
            quic: None,
            tls: None,
            carrying: JoinSet::new(),
        };
        let mut task = JoinSet::new();
        task.spawn(running.run());
        Self {
            places,
            now,
            _task: task,
        }
    }

    /// The hub may be at these places from now on.
    pub(super) fn set_places(&self, places: Places) {
        if !places.udp.is_empty() {
            self.places.send_if_modified(|known| {
                let is_new = *known != places;
                *known = places;
                is_new
            });
        }
    }

    /// The way in use.
    pub(super) fn now(&self) -> WayNow {
        *self.now.borrow()
    }

    /// Where the hub is thought to be.
    pub(super) fn first_place(&self) -> Option<SocketAddr> {
        self.places.borrow().udp.first().copied()
    }
}

/// What becomes of carriers; the number tells which one, so that nothing is believed of one that was closed.
enum Event {
    Opened(CarrierKind, u64, Endpoint, Option<QuicConnection>),
    Ended(CarrierKind, u64),
}

/// A carrier that is open or is being opened.
struct Held {
    serial: u64,
    task: AbortHandle,
    endpoint: Option<Endpoint>,
    quic: Option<QuicConnection>,
}

struct Running {
    link: LinkWays,
    client: Arc<CarrierClient>,
    ways: Ways,
    seen: Seen,
    places: watch::Receiver<Places>,
    now: watch::Sender<WayNow>,
    news: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    serial: u64,
    quic: Option<Held>,
    tls: Option<Held>,
    carrying: JoinSet<()>,
}

impl Running {
    async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    self.look();
                    self.ways.handle_tick(Instant::now());
                }
                Some(event) = self.events.recv() => self.hear(event),
                changed = self.places.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let places = self.places.borrow_and_update();
                    let has_carriers = !places.carriers.is_empty();
                    self.ways.handle_places(places.udp.len(), has_carriers, Instant::now());
                }
                Some(_) = self.carrying.join_next() => {}
            }
            while let Some(act) = self.ways.poll_act() {
                self.act(act);
            }
            self.tell();
        }
    }

    /// Looks by which way the hub was heard.
    fn look(&mut self) {
        let now = Instant::now();
        let seen = self.link.seen();
        let before = std::mem::replace(&mut self.seen, seen);
        if seen.heard > before.heard {
            self.ways.handle_stir(now);
        }
        match self.ways.way() {
            Way::Udp if seen.answers_by_udp > before.answers_by_udp => self.ways.handle_answer(now),
            Way::Udp => {}
            Way::Quic | Way::Tls => {
                // The link itself goes back when a probe is answered.
                if seen.endpoint.is_some_and(|at| at.carrier.is_none()) {
                    self.ways.handle_returned(now);
                } else if seen.answers_by_carrier > before.answers_by_carrier {
                    self.ways.handle_answer(now);
                }
            }
        }
    }

    fn hear(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Opened(kind, serial, endpoint, quic) => {
                if let Some(held) = self.held(kind).as_mut().filter(|held| held.serial == serial) {
                    (held.endpoint, held.quic) = (Some(endpoint), quic);
                    self.ways.handle_opened(kind, now);
                }
            }
            Event::Ended(kind, serial) => {
                if self.held(kind).take_if(|held| held.serial == serial).is_some() {
                    self.ways.handle_failed(kind, now);
                }
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Ask => self.link.ask(),
            Act::Dial(place) => {
                if let Some(place) = self.place(place) {
                    self.link.dial(place);
                }
            }
            Act::Probe(place) => {
                if let Some(place) = self.place(place) {
                    self.link.probe(place);
                }
            }
            Act::Take(kind) => {
                if let Some(endpoint) = self.held(kind).as_ref().and_then(|held| held.endpoint) {
                    self.link.take(endpoint);
                }
            }
            Act::Open(kind) => self.open(kind),
            Act::Close(kind) => {
                if let Some(held) = self.held(kind).take() {
                    held.task.abort();
                }
            }
        }
    }

    fn place(&self, place: usize) -> Option<SocketAddr> {
        self.places.borrow().udp.get(place).copied()
    }

    fn held(&mut self, kind: CarrierKind) -> &mut Option<Held> {
        match kind {
            CarrierKind::Quic => &mut self.quic,
            CarrierKind::Tls => &mut self.tls,
        }
    }

    fn open(&mut self, kind: CarrierKind) {
        self.serial += 1;
        let serial = self.serial;
        let carrying = carry(Carrying {
            kind,
            serial,
            client: Arc::clone(&self.client),
            link: self.link.clone(),
            addresses: self.places.borrow().carriers.clone(),
            news: self.news.clone(),
        });
        let task = self.carrying.spawn(carrying);
        let held = Held {
            serial,
            task,
            endpoint: None,
            quic: None,
        };
        if let Some(older) = self.held(kind).replace(held) {
            older.task.abort();
        }
    }

    /// Tells the way in use, and the log when it is another one.
    fn tell(&mut self) {
        let way = self.ways.way();
        let quic = self.quic.as_ref().and_then(|held| held.quic.as_ref());
        let mtu = quic
            .filter(|_| way == Way::Quic)
            .and_then(QuicConnection::max_datagram_bytes)
            .map(fitting);
        let now = WayNow { way, mtu };
        let before = *self.now.borrow();
        if before == now {
            return;
        }
        self.now.send_replace(now);
        if before.way != way && way.is_degraded() {
            tracing::warn!(%way, "UDP to the hub does not get through: packets go by a carrier, which is slower");
        } else if before.way != way {
            tracing::info!("packets go to the hub by UDP again");
        }
    }
}

/// How long a packet may be inside WireGuard to fit into a datagram of this length.
fn fitting(datagram: usize) -> u16 {
    let packet = datagram.saturating_sub(OVERHEAD) / PADDING * PADDING;
    u16::try_from(packet).unwrap_or(u16::MAX).max(LEAST_MTU)
}

/// One carrier from its dial to its end.
struct Carrying {
    kind: CarrierKind,
    serial: u64,
    client: Arc<CarrierClient>,
    link: LinkWays,
    addresses: Vec<SocketAddr>,
    news: mpsc::Sender<Event>,
}

async fn carry(carrying: Carrying) {
    let (kind, serial, news) = (carrying.kind, carrying.serial, carrying.news.clone());
    match hold(carrying).await {
        Ok(end) => tracing::debug!(%kind, end, "a carrier to the hub has ended"),
        Err(error) => tracing::debug!(%kind, %error, "there is no carrier to the hub"),
    }
    // Whoever would hear it is gone, too.
    let _ = news.send(Event::Ended(kind, serial)).await;
}

async fn hold(carrying: Carrying) -> io::Result<&'static str> {
    let Carrying {
        kind,
        serial,
        client,
        link,
        addresses,
        news,
    } = carrying;
    let mut open = client.open(kind, &addresses).await.map_err(io::Error::other)?;
    let gone = || io::Error::from(io::ErrorKind::NotConnected);
    let mut line = link.line(open.remote).ok_or_else(gone)?;
    let opened = Event::Opened(kind, serial, line.endpoint(), open.quic());
    news.send(opened).await.map_err(|_| gone())?;
    Ok(pump(&mut open, &mut line).await.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_fit_into_a_carriers_datagrams_unless_ipv6_asks_for_more() {
        assert_eq!(fitting(1_162), 1_280, "those go over its stream");
        assert_eq!(fitting(1_414), 1_376);
        assert_eq!(fitting(100_000), u16::MAX);
    }

    #[tokio::test]
    async fn carriers_are_where_the_hub_is_unless_it_says_otherwise() {
        let hub = HubAddress {
            key: adit_model::PeerKey::from_bytes([1; 32]),
            endpoints: Vec::new(),
            port: 51_820,
            carriers: Vec::new(),
            carrier_port: Some(8_443),
        };
        let edge = Some("192.0.2.1:7844".parse().unwrap());
        let all = |places: &Places| places.all().map(|place| place.to_string()).collect::<Vec<_>>();
        let places = Places::find(&hub, edge).await;
        assert_eq!(all(&places), ["192.0.2.1:51820", "192.0.2.1:8443"]);
        let told = HubAddress {
            endpoints: vec!["192.0.2.2:1".parse().unwrap()],
            carriers: vec!["192.0.2.3:443".parse().unwrap()],
            ..hub.clone()
        };
        assert_eq!(
            all(&Places::find(&told, edge).await),
            ["192.0.2.2:1", "192.0.2.3:443"]
        );
        let none = HubAddress {
            carrier_port: None,
            ..hub
        };
        assert_eq!(all(&Places::find(&none, edge).await), ["192.0.2.1:51820"]);
    }
}
