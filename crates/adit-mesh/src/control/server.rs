//! The edge's end: one control connection.

mod notes;

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::{
    mesh::session::{NodeSaid, Refusal, ServerAct, ServerSession, Timeout},
    port::CloseReason,
};
use adit_model::{ConnectorId, TunnelKey};
use adit_wire::mesh::{BeatAck, Challenge, Closing, ClosingReason, Exporter, Nonce, Revoke, ToEdge, ToNode};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select,
    time::{sleep_until, timeout},
};
use tracing::{debug, info};

use super::{
    channel::{Channel, ChannelError},
    words::{misbehaved, said, words_of},
};
use crate::server::{ADMISSION, Arrival, Desk, Ending, Order, Proven, Seat, StrangersPlace, Trouble};

/// When nodes of an edge that stops may come back.
const BACK_AFTER_STOP: Duration = Duration::from_millis(500);
/// When a replica may come back whose place another process took, which goes by the same identity.
const BACK_AFTER_REPLACEMENT: Duration = Duration::from_secs(30);

/// How often it is asked whether a node's packets arrive.
const LOOK: Duration = Duration::from_secs(30);

/// Serves one connection to its end.
pub(crate) async fn serve<S>(
    desk: Arc<Desk>,
    stream: S,
    exporter: Exporter,
    remote: SocketAddr,
    place: StrangersPlace,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let Ok(challenge) = Challenge::random() else {
        return;
    };
    let mut served = Served {
        channel: Channel::new(stream),
        session: ServerSession::new(Duration::ZERO),
        opened: Instant::now(),
        look_at: LOOK,
        mtu: None,
        beat: 0,
        is_draining: false,
        lan_well: true,
        path_well: true,
        place: Some(place),
        seat: None,
        key_change: None,
        desk,
        remote,
        exporter,
        challenge,
    };
    let end = match served
        .channel
        .send(&ToNode::from(Nonce { nonce: challenge }))
        .await
    {
        Ok(()) => served.run().await,
        Err(error) => End::Broken(error),
    };
    served.finish(end).await;
}

/// Why a connection is over.
enum End {
    /// The peer ended it.
    Left,
    /// It broke, or carried what is no message.
    Broken(ChannelError),
    /// The peer broke a rule.
    Misbehaved(String),
    /// It fell silent.
    Silent(Timeout),
    /// This replica of this site was not let in, or may not have the key that it wants.
    Refused(TunnelKey, ConnectorId, Refusal),
    /// This side ends it.
    Ended(Ending),
}

type KeyChange = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

struct Served<S> {
    desk: Arc<Desk>,
    channel: Channel<S, ToEdge>,
    session: ServerSession,
    opened: Instant,
    look_at: Duration,
    /// What the node said of its way to the hub.
    mtu: Option<u16>,
    /// The newest beat of the node.
    beat: u64,
    /// It asked to be replaced.
    is_draining: bool,
    /// What it said of its network.
    lan_well: bool,
    path_well: bool,
    remote: SocketAddr,
    exporter: Exporter,
    challenge: Challenge,
    place: Option<StrangersPlace>,
    seat: Option<Seat>,
    key_change: Option<KeyChange>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Served<S> {
    /// Since the connection was made: the session's time.
    fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    async fn run(&mut self) -> End {
        loop {
            let deadline = self.session.deadline().map(|deadline| self.opened + deadline);
            let is_stranger = self.seat.is_none();
            let step = select! {
                biased;
                order = next_order(&mut self.seat) => self.obey(order).await,
                received = self.channel.receive() => match received {
                    Ok(Some(message)) => self.hear(message).await,
                    Ok(None) => Err(End::Left),
                    Err(error) => Err(End::Broken(error)),
                },
                changed = key_changed(&mut self.key_change) => {
                    self.key_change = None;
                    match (changed, &self.seat) {
                        (Err(Refusal::Unavailable(why)), Some(seat)) => {
                            self.keep_key(seat, why);
                            Ok(())
                        }
                        (Err(refusal), Some(seat)) => Err(End::Refused(seat.site, seat.replica, refusal)),
                        _ => Ok(()),
                    }
                }
                () = self.desk.stopping(), if is_stranger => Err(End::Ended(Ending::Stopping)),
                () = until(deadline) => match self.session.timeout(self.now()) {
                    Some(timeout) => Err(End::Silent(timeout)),
                    None => Ok(()),
                },
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// The node has its old key until it asks again: without a store, its packets go on.
    fn keep_key(&self, seat: &Seat, why: &str) {
        let (replica, site) = (seat.replica, seat.site.tunnel);
        let what = format!("replica {replica} of site {site} keeps its key for now: {why}");
        self.desk.complain(Trouble::Refused, Some(self.remote), &what);
    }

    async fn obey(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::End(ending) => Err(End::Ended(ending)),
            Order::Lease => self.lease().await,
            Order::Configure(config) => {
                self.session.configured(config.version);
                let config = ToNode::from(config.as_ref().clone());
                self.channel.send(&config).await.map_err(End::Broken)
            }
        }
    }

    async fn hear(&mut self, message: ToEdge) -> Result<(), End> {
        let act = self.session.said(self.now(), said(&message));
        match act.map_err(|rule| End::Misbehaved(rule.to_string()))? {
            ServerAct::Judge(_) => self.admit(message).await,
            ServerAct::Answer(seq) => {
                self.look_after(&message);
                self.note_beat(&message);
                let answer = ToNode::from(BeatAck { seq });
                self.channel.send(&answer).await.map_err(End::Broken)?;
                self.beat = seq;
                self.lease().await
            }
            ServerAct::NoteAcknowledged(_) => {
                self.note(&message);
                Ok(())
            }
            ServerAct::ChangeKey(key) => {
                if let Some(seat) = &self.seat {
                    let changing = Arc::clone(&self.desk).change_key(seat.site, seat.replica, key);
                    self.key_change = Some(Box::pin(changing));
                }
                Ok(())
            }
            ServerAct::StepBack => {
                self.drain(true);
                Ok(())
            }
            ServerAct::StepForward => {
                self.drain(false);
                Ok(())
            }
            ServerAct::NoteRole => {
                self.note_role(&message);
                Ok(())
            }
        }
    }

    /// Tells the node what it may do for a while.
    async fn lease(&mut self) -> Result<(), End> {
        let Some(seat) = &self.seat else {
            return Ok(());
        };
        let Some(lease) = self.desk.lease(seat.site, seat.replica, self.beat) else {
            return Ok(());
        };
        self.session.leased(lease.epoch);
        self.channel.send(&ToNode::from(lease)).await.map_err(End::Broken)
    }

    async fn admit(&mut self, message: ToEdge) -> Result<(), End> {
        let NodeSaid::Claim(claim) = said(&message) else {
            return Ok(());
        };
        let (host, secret, identity) = match message {
            ToEdge::Enrol(enrol) => (enrol.host, Some(enrol.proof), enrol.signature),
            ToEdge::Hello(hello) => (hello.host, None, hello.signature),
            ToEdge::ConfigAck(_)
            | ToEdge::Beat(_)
            | ToEdge::KeyUpdate(_)
            | ToEdge::Drain(_)
            | ToEdge::Resume(_)
            | ToEdge::RoleAck(_) => return Ok(()),
        };
        let arrival = Arrival {
            claim,
            proven: Proven {
                challenge: self.challenge,
                exporter: self.exporter,
                secret,
                identity,
            },
            host,
            remote: self.remote,
        };
        let admitted = timeout(ADMISSION, self.desk.admit(arrival)).await;
        let admitted = admitted.unwrap_or(Err(Refusal::Unavailable("the store is slow")));
        let refused = |refusal| End::Refused(claim.site, claim.replica, refusal);
        self.seat = Some(admitted.map_err(refused)?);
        self.place = None;
        self.session.admitted(self.now());
        Ok(())
    }

    /// Says why, where there is something to say, and gives the place up.
    async fn finish(mut self, end: End) {
        let remote = self.remote;
        let how = self.how(&end);
        let (goodbye, reason) = match end {
            End::Left => (None, None),
            End::Broken(ChannelError::Message(error)) => self.misbehaved(&error),
            End::Misbehaved(rule) => self.misbehaved(&rule),
            End::Broken(error) => {
                debug!(%remote, %error, cause = ?std::error::Error::source(&error), "mesh control connection broke");
                (None, None)
            }
            End::Silent(Timeout::Registration) => {
                let what = "a peer did not say in time who it is";
                self.desk.complain(Trouble::Idle, Some(remote), &what);
                (None, Some(CloseReason::Misbehaved))
            }
            End::Silent(Timeout::Silence) => {
                info!(%remote, "a mesh node fell silent");
                (None, None)
            }
            End::Refused(site, replica, refusal) => {
                let what = format!("replica {replica} of site {}: {refusal}", site.tunnel);
                self.desk.complain(Trouble::Refused, Some(remote), &what);
                (Some(ToNode::from(words_of(&refusal))), Some(CloseReason::Evicted))
            }
            End::Ended(ending) => (Some(goodbye(ending)), None),
        };
        if let (Some(seat), Some(reason)) = (&mut self.seat, reason) {
            seat.because(reason);
        }
        if let Some(seat) = &mut self.seat {
            seat.by(how);
        }
        // Another replica takes over before this one has read its goodbye.
        self.seat = None;
        if let Some(goodbye) = goodbye
            && self.channel.send(&goodbye).await.is_ok()
        {
            self.channel.close().await;
        }
    }

    fn misbehaved(&self, what: &impl ToString) -> (Option<ToNode>, Option<CloseReason>) {
        let what = what.to_string();
        self.desk.complain(Trouble::Misbehaved, Some(self.remote), &what);
        (Some(misbehaved(&what).into()), Some(CloseReason::Misbehaved))
    }
}

fn goodbye(ending: Ending) -> ToNode {
    let closing = |reason, back_in: Duration| {
        let back_in_ms = u32::try_from(back_in.as_millis()).unwrap_or(u32::MAX);
        ToNode::from(Closing { reason, back_in_ms })
    };
    match ending {
        Ending::Revoked => Revoke {
            reason: "this replica is no longer linked to its site".to_owned(),
        }
        .into(),
        Ending::Evicted => closing(ClosingReason::Evicted, Duration::ZERO),
        Ending::Replaced => closing(ClosingReason::Replaced, BACK_AFTER_REPLACEMENT),
        Ending::Stopping => closing(ClosingReason::Stopping, BACK_AFTER_STOP),
    }
}

async fn next_order(seat: &mut Option<Seat>) -> Order {
    match seat {
        Some(seat) => seat.order().await,
        None => std::future::pending().await,
    }
}

async fn key_changed(change: &mut Option<KeyChange>) -> Result<(), Refusal> {
    match change {
        Some(change) => change.await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
