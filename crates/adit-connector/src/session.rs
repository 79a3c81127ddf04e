//! One connection from its registration to its end.

mod leave;
mod registration;
mod report;

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_model::ConnectionIndex;
use adit_net::route;
use adit_rpc::{RegistrationClient, RpcError};
use adit_wire::datagram::Version;
use adit_wire::http2::{UPGRADE_CONFIGURATION, UPGRADE_HEADER};
use adit_wire::registration::{ConnectionDetails, RegistrationRefusal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flow::{self, Answering, Asking};
use crate::link::{self, Link, Opened};
use crate::metrics::QuicMeter;
use crate::network::Horizon;
use crate::private::{self, Carried};
use crate::slot::Shared;
use crate::vigil::{NetworkChange, Verdict, Vigil};
use crate::{Protocol, Shutdown, exchange};
use registration::register;
use report::report_changes;

/// How often a connection's measurements go to the metrics.
const MEASURE_INTERVAL: Duration = Duration::from_secs(5);
/// Streams kept that the edge opened before the connector has seen the answer to its registration; more are reset.
const MAX_EARLY: usize = 256;

/// How a connection ended.
pub(crate) enum SessionEnd {
    /// This side was told to stop.
    Stopped,
    /// Another connection has taken its place.
    Retired,
    /// It broke; the reason is for the log.
    Lost(String),
    /// The edge did not take the registration.
    Refused(RegistrationRefusal),
}

/// Who tells a connection to end.
pub(crate) struct Orders {
    /// The whole connector stops.
    pub(crate) shutdown: Shutdown,
    /// Another connection of the same slot has taken this one's place.
    pub(crate) retire: CancellationToken,
}

/// One connection.
pub(crate) struct Session {
    index: ConnectionIndex,
    shared: Arc<Shared>,
    link: Link,
    /// What is announced of it.
    features: Vec<String>,
    previous_attempts: u8,
    vigil: Vigil,
    /// From where packets left for the edge when the connection began.
    source: Option<IpAddr>,
    horizon: watch::Receiver<Horizon>,
    seen: Horizon,
    streams: JoinSet<()>,
    meter: QuicMeter,
    /// What datagrams carry; there are none over HTTP/2.
    carrier: Option<Carried>,
    datagrams: JoinSet<()>,
}

type Control<'c> = Pin<&'c mut (dyn Future<Output = Result<(), RpcError>> + Send)>;

impl Session {
    pub(crate) fn new(
        index: ConnectionIndex,
        shared: Arc<Shared>,
        link: Link,
        previous_attempts: u8,
    ) -> Self {
        let mut horizon = shared.horizon.subscribe();
        let seen = *horizon.borrow_and_update();
        let features = shared.features.announced();
        let carrier = link.quic().map(|quic| {
            let version = Version::of_features(&features);
            Carried::new(Arc::clone(&shared.proxy.private), quic.clone(), index.0, version)
        });
        Self {
            index,
            source: route::source_towards(link.remote()).ok(),
            link,
            features,
            previous_attempts,
            vigil: Vigil::new(Instant::now()),
            seen,
            horizon,
            shared,
            streams: JoinSet::new(),
            meter: QuicMeter::new(index),
            carrier,
            datagrams: JoinSet::new(),
        }
    }

    /// Registers, then serves until the connection ends or this side is told to end it. `number` goes to `registered`
    /// once the edge has taken the registration.
    pub(crate) async fn run(
        mut self,
        orders: Orders,
        number: u64,
        registered: mpsc::Sender<u64>,
    ) -> SessionEnd {
        let control = tokio::select! {
            control = self.link.control() => control.map_err(SessionEnd::Lost),
            () = orders.shutdown.drain.cancelled() => Err(SessionEnd::Stopped),
        };
        let end = match control {
            Ok((recv, send)) => {
                let shared = Arc::clone(&self.shared);
                let (edge, control) = RegistrationClient::start(&shared.lanes, recv, send);
                let control = pin!(control);
                self.on_control(&edge, control, &orders, number, &registered)
                    .await
            }
            Err(end) => end,
        };
        self.streams.shutdown().await;
        if let Some(stats) = self.link.stats() {
            self.meter.measure(&stats);
            self.shared.proxy.metrics.closed.increment(1);
        }
        self.datagrams.shutdown().await;
        drop(self.carrier.take());
        self.link.close().await;
        end
    }

    async fn on_control(
        &mut self,
        edge: &RegistrationClient,
        mut control: Control<'_>,
        orders: &Orders,
        number: u64,
        registered: &mpsc::Sender<u64>,
    ) -> SessionEnd {
        let shared = Arc::clone(&self.shared);
        let request = self.registration();
        let mut early = Vec::new();
        let answer = {
            let mut registering = pin!(register(&shared, edge, request));
            loop {
                tokio::select! {
                    answer = &mut registering => break answer,
                    ended = control.as_mut() => break Err(control_ended(ended)),
                    // What an edge opens at once can overtake its answer to the registration.
                    opened = self.link.accept() => match opened {
                        Ok(opened) if early.len() < MAX_EARLY => early.push(opened),
                        Ok(_too_many) => tracing::debug!("the edge opens streams and does not register"),
                        Err(reason) => break Err(SessionEnd::Lost(reason)),
                    },
                    () = orders.shutdown.drain.cancelled() => break Err(SessionEnd::Stopped),
                }
            }
        };
        let details = match answer {
            Ok(details) => details,
            Err(end) => return end,
        };
        // The slot lives as long as its connections.
        let _ = registered.send(number).await;
        let _live = self.went_live(&details);
        if let Some(carrier) = &self.carrier {
            self.datagrams.spawn(private::carry_datagrams(carrier.share()));
        }
        for opened in early {
            self.take(opened);
        }
        let end = self.serve(edge, &details, control.as_mut(), orders).await;
        match end {
            SessionEnd::Stopped => self.drain(edge, control, &orders.shutdown).await,
            SessionEnd::Retired => self.linger(&orders.shutdown).await,
            SessionEnd::Lost(_) | SessionEnd::Refused(_) => {}
        }
        end
    }

    async fn serve(
        &mut self,
        edge: &RegistrationClient,
        details: &ConnectionDetails,
        mut control: Control<'_>,
        orders: &Orders,
    ) -> SessionEnd {
        let reports = self.index.0 == 0 && !details.remotely_managed;
        let shared = Arc::clone(&self.shared);
        let mut report = pin!(report_changes(&shared, edge));
        let mut measure = tokio::time::interval(MEASURE_INTERVAL);
        let mut look = pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            tokio::select! {
                opened = self.link.accept() => match opened {
                    Ok(opened) => self.take(opened),
                    Err(reason) => return SessionEnd::Lost(reason),
                },
                Some(done) = self.streams.join_next() => log_panic(done),
                ended = control.as_mut() => return control_ended(ended),
                never = &mut report, if reports => match never {},
                _ = measure.tick() => {
                    if let Some(stats) = self.link.stats() {
                        self.meter.measure(&stats);
                    }
                }
                () = &mut look => {
                    let now = Instant::now();
                    let moved = self.moved().map(|change| self.vigil.handle_change(change, now));
                    let verdict = self.vigil.handle_tick(self.link.heard_bytes(), now);
                    for verdict in moved.into_iter().chain([verdict]) {
                        if let Some(end) = self.obey(verdict) {
                            return end;
                        }
                    }
                    let next = now + self.vigil.poll_interval(now);
                    look.as_mut().reset(next.into());
                }
                Ok(()) = self.horizon.changed() => {
                    if let Some(change) = self.standstill() {
                        let verdict = self.vigil.handle_change(change, Instant::now());
                        if let Some(end) = self.obey(verdict) {
                            return end;
                        }
                    }
                    look.as_mut().reset(tokio::time::Instant::now());
                }
                () = orders.retire.cancelled() => return SessionEnd::Retired,
                () = orders.shutdown.drain.cancelled() => return SessionEnd::Stopped,
            }
        }
    }

    fn obey(&self, verdict: Verdict) -> Option<SessionEnd> {
        match verdict {
            Verdict::Well => None,
            Verdict::Ask => {
                self.link.ask();
                None
            }
            Verdict::Dead(reason) => Some(SessionEnd::Lost(reason.to_owned())),
        }
    }

    /// Whether the machine has stood still since the last time.
    fn standstill(&mut self) -> Option<NetworkChange> {
        let horizon = *self.horizon.borrow_and_update();
        let before = std::mem::replace(&mut self.seen, horizon);
        (horizon.standstills != before.standstills).then_some(NetworkChange::StoodStill(horizon.stood_still))
    }

    /// Whether packets to the edge leave from elsewhere since the last time. Where nothing leads to the edge, nothing
    /// would be won by giving the connection up.
    fn moved(&mut self) -> Option<NetworkChange> {
        let is = route::source_towards(self.link.remote()).ok()?;
        let was = self.source.replace(is).filter(|was| *was != is)?;
        // QUIC goes on from the new address, if the edge follows.
        let stays = self.link.protocol() == Protocol::Quic || route::is_local(was);
        Some(match stays {
            true => NetworkChange::Rerouted,
            false => NetworkChange::AddressGone,
        })
    }

    /// Serves a stream that the edge opened.
    fn take(&mut self, opened: Opened) {
        let proxy = Arc::clone(&self.shared.proxy);
        match opened {
            Opened::Quic(send, recv) => {
                // Every connection over QUIC has one.
                if let Some(carrier) = &self.carrier {
                    self.streams
                        .spawn(exchange::serve(proxy, carrier.share(), send, recv));
                }
                self.link.make_room(self.streams.len());
            }
            Opened::Http2(head, ..) if link::is_control(&head) => {
                tracing::debug!("the edge opened a second control stream");
            }
            Opened::Http2(head, body, reply) => {
                let pushes = head.headers.get(UPGRADE_HEADER);
                let pushes = pushes.is_some_and(|upgrade| upgrade == UPGRADE_CONFIGURATION);
                if pushes {
                    self.streams.spawn(exchange::take_push(proxy, body, reply));
                    return;
                }
                let head = Box::new(flow::request_head(*head));
                let websocket = head.kind == adit_wire::FlowKind::WebSocket;
                let answering = Answering::Http2 { reply, websocket };
                self.streams.spawn(exchange::serve_http2(
                    proxy,
                    self.index,
                    head,
                    Asking::Http2(body),
                    answering,
                ));
            }
        }
    }
}

fn control_ended(ended: Result<(), RpcError>) -> SessionEnd {
    SessionEnd::Lost(match ended {
        Ok(()) => "the edge ended the control stream".to_owned(),
        Err(error) => format!("the control stream failed: {error}"),
    })
}

fn log_panic(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        tracing::error!(%error, "a stream's task panicked");
    }
}
