//! One session with an edge.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::mesh::session::{ClientAct, ClientSession, Redial, Setback};
use adit_net::mesh::ControlStream;
use adit_wire::mesh::{
    Beat, Challenge, Closing, ClosingReason, Drain, Enrol, EnrolProof, Exporter, Hello, KeyUpdate, Lease,
    NodeConfig, RefusalCode, Refused, Resume, Role, ToEdge, ToNode,
};
use tokio::{select, time::sleep_until};

use super::{
    Ack, ClientPhase, Faring, HeldLease,
    run::{Over, Running, chain, told_to_leave},
};
use crate::{
    boot_clock,
    control::{
        channel::{Channel, ChannelError},
        words::told,
    },
};

/// How long the edge gets to have another replica take over before this one is gone.
const HAND_OVER: Duration = Duration::from_secs(2);
/// The same where no other one stands by.
const ALONE: Duration = Duration::from_millis(200);
/// The most bytes of what is told of why the node stops.
const MOST_REASON: usize = 256;

/// No edge makes a node wait longer before it comes back.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

struct Held<'a> {
    running: &'a mut Running,
    channel: Channel<ControlStream, ToNode>,
    session: ClientSession,
    opened: Instant,
    edge: SocketAddr,
    exporter: Exporter,
    /// The newest configuration of this session.
    version: Option<u64>,
    /// The newest epoch that the edge told in this session.
    epoch: Option<u64>,
    /// What the role is that the newest lease of this session gives.
    role: Option<Role>,
    /// What this session was told of why another replica is to take over.
    drain_told: Option<String>,
    /// The node stops: it waits until then for another replica to take over.
    leave_by: Option<Instant>,
}

/// Keeps a session up to its end.
pub(super) async fn hold(running: &mut Running, stream: ControlStream, redial: &mut Redial) -> Over {
    let mut held = Held {
        running,
        session: ClientSession::new(Duration::ZERO),
        opened: Instant::now(),
        edge: stream.remote_address(),
        exporter: stream.exporter(),
        channel: Channel::new(stream),
        version: None,
        epoch: None,
        role: None,
        drain_told: None,
        leave_by: None,
    };
    let over = held.run(redial).await;
    if matches!(over, Over::Left) {
        held.channel.close().await;
    }
    over
}

impl Held<'_> {
    /// Since the connection was made: the session's time.
    fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    async fn run(&mut self, redial: &mut Redial) -> Over {
        loop {
            if let Err(over) = self.speak().await {
                return over;
            }
            if self.is_time_to_leave() {
                return Over::Left;
            }
            let deadline = self.opened + self.session.deadline();
            let deadline = self.key_due().map_or(deadline, |due| deadline.min(due));
            let deadline = self.leave_by.map_or(deadline, |leave_by| deadline.min(leave_by));
            let stays = self.leave_by.is_none();
            let linked = self.session.is_linked();
            let step = select! {
                // What has come counts before time does: a host that was suspended or busy hears the edge first.
                biased;
                () = told_to_leave(&mut self.running.leaving), if stays => self.leave().await,
                received = self.channel.receive() => match received {
                    Ok(Some(message)) => self.hear(message, redial).await,
                    Ok(None) => Err(self.lost("the edge ended the connection".to_owned())),
                    Err(error) => Err(self.broken(&error)),
                },
                Some(ack) = self.running.acks.recv(), if linked => self.acknowledge(ack).await,
                Ok(()) = self.running.draining.changed(), if linked && stays => Ok(()),
                Ok(()) = self.running.config.keys.changed(), if linked && stays => Ok(()),
                () = sleep_until(deadline.into()) => Ok(()),
            };
            if let Err(over) = step {
                return over;
            }
            if self.session.is_over(self.now()) {
                return self.lost("the edge fell silent".to_owned());
            }
        }
    }

    async fn hear(&mut self, message: ToNode, redial: &mut Redial) -> Result<(), Over> {
        let Some(said) = told(&message) else {
            return Err(self.dismissed(message));
        };
        let act = self.session.said(self.now(), said);
        match (act.map_err(|error| self.lost(error.to_string()))?, message) {
            (ClientAct::Prove, ToNode::Nonce(nonce)) => self.prove(&nonce.nonce).await,
            (ClientAct::Apply, ToNode::NodeConfig(config)) => {
                redial.linked();
                self.take(config);
                Ok(())
            }
            (ClientAct::Lease, ToNode::Lease(lease)) => {
                self.take_lease(lease);
                Ok(())
            }
            (
                ClientAct::Prove
                | ClientAct::Apply
                | ClientAct::Lease
                | ClientAct::Measured(_)
                | ClientAct::Skip,
                _,
            ) => Ok(()),
        }
    }

    async fn prove(&mut self, challenge: &Challenge) -> Result<(), Over> {
        let enrolled = self.running.state.borrow().enrolled;
        let config = &mut self.running.config;
        let keys = *config.keys.borrow_and_update();
        let key = self.running.offer.claim(boot_clock::now(), keys);
        let signature = config.identity.sign(&self.exporter);
        let claim = match (enrolled, &config.secret) {
            (true, _) => ToEdge::from(Hello {
                account: config.site.account,
                tunnel: config.site.tunnel,
                connector: config.replica,
                key,
                signature,
                host: config.host.clone(),
            }),
            (false, Some(secret)) => ToEdge::from(Enrol {
                account: config.site.account,
                tunnel: config.site.tunnel,
                connector: config.replica,
                identity: config.identity.public(),
                key,
                proof: EnrolProof::new(secret, challenge, &self.exporter),
                signature,
                host: config.host.clone(),
            }),
            (false, None) => {
                let trouble = "this node is not linked to a site, and has no token to be";
                return Err(Over::Refused(RefusalCode::NotLinked, trouble.to_owned()));
            }
        };
        self.running.leases.claimed(boot_clock::now());
        self.send(&claim).await
    }

    fn take(&mut self, config: NodeConfig) {
        let edge = self.edge;
        let first = self.version.is_none();
        self.version = Some(config.version);
        self.running.state.send_modify(|state| {
            if first {
                state.phase = ClientPhase::Linked(Instant::now());
                state.trouble = None;
            }
            state.edge = Some(edge);
            state.enrolled = true;
            state.config = Some(Arc::new(config));
        });
        if first {
            self.running.linked(edge);
        }
    }

    fn take_lease(&mut self, lease: Lease) {
        let received = boot_clock::now();
        self.epoch = self.epoch.max(Some(lease.epoch));
        let ttl = Duration::from_millis(lease.ttl_ms.into());
        let Some(until) = self.running.leases.take(lease.epoch, ttl, lease.seq) else {
            return;
        };
        self.role = Some(lease.role);
        self.running.lease.send_replace(Some(HeldLease {
            epoch: lease.epoch,
            role: lease.role,
            received,
            until,
        }));
    }

    /// The edge ends the session with a word.
    fn dismissed(&mut self, message: ToNode) -> Over {
        match message {
            ToNode::Refused(Refused { code, message }) => {
                let trouble = format!("the edge refused this node: {message}");
                let has_secret = self.running.config.secret.is_some();
                if self.was_for_the_next_key(code) {
                    return Over::Again(Setback::Lost, trouble);
                }
                if code == RefusalCode::NotLinked && has_secret {
                    Over::EnrolAnew(trouble)
                } else if code == RefusalCode::Misbehaved || code.should_retry() {
                    // Whoever is said to misbehave is most often an edge of another version.
                    Over::Again(Setback::TurnedAway, trouble)
                } else {
                    Over::Refused(code, trouble)
                }
            }
            ToNode::Revoke(revoke) => {
                Over::EnrolAnew(format!("the edge revoked this node: {}", revoke.reason))
            }
            ToNode::Closing(Closing { reason, back_in_ms }) => {
                let trouble = match reason {
                    ClosingReason::Stopping => "the edge stops",
                    ClosingReason::Replaced => {
                        "another process goes by the same identity: is the state directory used twice?"
                    }
                    ClosingReason::Evicted => "the session was ended by the API",
                    ClosingReason::Unknown => "the edge ended the session",
                };
                let back_in = Duration::from_millis(back_in_ms.into());
                Over::Again(Setback::AskedBack(back_in.min(LONGEST_ASKED)), trouble.to_owned())
            }
            ToNode::Nonce(_) | ToNode::NodeConfig(_) | ToNode::Lease(_) | ToNode::BeatAck(_) => {
                self.lost("the edge said something out of turn".to_owned())
            }
        }
    }

    /// Whether the edge did not take the node since it has another key than before: with that one it may come back.
    fn was_for_the_next_key(&mut self, code: RefusalCode) -> bool {
        let keys = *self.running.config.keys.borrow();
        let for_its_sake = matches!(code, RefusalCode::TakenKey | RefusalCode::WeakKey);
        let offer = &mut self.running.offer;
        let is_other = offer.refused(boot_clock::now(), keys, for_its_sake);
        let refused = offer.refused_key();
        self.running.state.send_if_modified(|state| {
            let is_news = state.refused_key != refused;
            state.refused_key = refused;
            is_news
        });
        is_other && (for_its_sake || code == RefusalCode::Unavailable)
    }

    /// Says what is due.
    async fn speak(&mut self) -> Result<(), Over> {
        self.beat().await?;
        if !self.session.is_linked() || self.leave_by.is_some() {
            return Ok(());
        }
        self.tell_key().await?;
        let wanted = self.running.draining.borrow_and_update().clone();
        if wanted == self.drain_told {
            return Ok(());
        }
        let message = match &wanted {
            Some(reason) => drain(reason.clone()),
            None => Resume {}.into(),
        };
        self.drain_told = wanted;
        self.send(&message).await
    }

    async fn beat(&mut self) -> Result<(), Over> {
        let Some(seq) = self.session.beat_due(self.now()) else {
            return Ok(());
        };
        let Faring {
            mut report,
            epoch,
            role,
            lan,
        } = (self.running.config.report)();
        let measured = self.session.round_trip();
        report.rtt_ms = measured.map(|taken| u32::try_from(taken.as_millis()).unwrap_or(u32::MAX));
        self.running.leases.beat(seq, boot_clock::now());
        let beat = Beat {
            seq,
            report,
            epoch,
            role,
            lan,
        };
        self.send(&beat.into()).await
    }

    async fn acknowledge(&mut self, ack: Ack) -> Result<(), Over> {
        // One of a session before this one may have waited; edges count configurations anew in each.
        match ack {
            Ack::Config(ack) if Some(ack.version) <= self.version => self.send(&ack.into()).await,
            Ack::Role(ack) if Some(ack.epoch) <= self.epoch => self.send(&ack.into()).await,
            Ack::Config(_) | Ack::Role(_) => Ok(()),
            Ack::Faring => {
                self.session.hurry(self.now());
                Ok(())
            }
        }
    }

    /// When another key is to be told.
    fn key_due(&self) -> Option<Instant> {
        let is_linked = self.session.is_linked() && self.leave_by.is_none();
        let keys = *self.running.config.keys.borrow();
        let due = self.running.offer.due(keys).filter(|_| is_linked)?;
        Instant::now().checked_add(due.saturating_sub(boot_clock::now()))
    }

    async fn tell_key(&mut self) -> Result<(), Over> {
        let keys = *self.running.config.keys.borrow_and_update();
        match self.running.offer.update(boot_clock::now(), keys) {
            Some(key) => self.send(&KeyUpdate { key }.into()).await,
            None => Ok(()),
        }
    }

    /// Asks that another replica take over. The session goes on until it has, or the wait for it is over.
    async fn leave(&mut self) -> Result<(), Over> {
        if !self.session.is_linked() {
            return Err(Over::Left);
        }
        let config = self.running.state.borrow().config.clone();
        let wait = if config.is_some_and(|config| config.ha) {
            HAND_OVER
        } else {
            ALONE
        };
        self.leave_by = Some(Instant::now() + wait);
        let reason = self.running.leaving.borrow().clone().unwrap_or_default();
        self.send(&drain(reason)).await.map_err(|_| Over::Left)
    }

    fn is_time_to_leave(&self) -> bool {
        let is_passive = self.role == Some(Role::Passive);
        self.leave_by
            .is_some_and(|leave_by| is_passive || Instant::now() >= leave_by)
    }

    async fn send(&mut self, message: &ToEdge) -> Result<(), Over> {
        let sent = self.channel.send(message).await;
        sent.map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &ChannelError) -> Over {
        self.lost(chain(error))
    }

    /// A session that was there is looked for at the same edge; one that did not come about, at another.
    fn lost(&self, trouble: String) -> Over {
        if self.leave_by.is_some() {
            return Over::Left;
        }
        let setback = if self.session.is_linked() {
            Setback::Lost
        } else {
            Setback::Unreachable
        };
        Over::Again(setback, trouble)
    }
}

fn drain(mut reason: String) -> ToEdge {
    reason.truncate(reason.floor_char_boundary(MOST_REASON));
    Drain { reason }.into()
}
