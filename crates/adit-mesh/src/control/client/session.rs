//! One session with an edge.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::mesh::session::{ClientAct, ClientSession, Redial, Setback};
use adit_model::PeerKey;
use adit_net::mesh::ControlStream;
use adit_wire::mesh::{
    Beat, Challenge, Closing, ClosingReason, ConfigAck, Drain, Enrol, EnrolProof, Exporter, Hello, KeyUpdate,
    NodeConfig, RefusalCode, Refused, Role, ToEdge, ToNode,
};
use tokio::{
    select,
    sync::watch,
    time::{sleep_until, timeout},
};

use super::{
    ClientPhase,
    run::{Over, Running, chain, told_to_leave},
};
use crate::control::{
    channel::{Channel, ChannelError},
    words::told,
};

/// How long the edge gets to have another replica take over before this one is gone.
const HAND_OVER: Duration = Duration::from_millis(200);
/// Edges take no further key before ten seconds are over.
const BETWEEN_KEYS: Duration = Duration::from_secs(11);
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
    /// Before this, no other key is told.
    next_key: Instant,
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
        next_key: Instant::now(),
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
            if let Err(over) = self.beat().await {
                return over;
            }
            let deadline = self.opened + self.session.deadline();
            let linked = self.session.is_linked();
            let next_key = self.next_key;
            let step = select! {
                // What has come counts before time does: a host that was suspended or busy hears the edge first.
                biased;
                () = told_to_leave(&mut self.running.leaving) => Err(self.leave().await),
                received = self.channel.receive() => match received {
                    Ok(Some(message)) => self.hear(message, redial).await,
                    Ok(None) => Err(self.lost("the edge ended the connection".to_owned())),
                    Err(error) => Err(self.broken(&error)),
                },
                Some(ack) = self.running.acks.recv(), if linked => self.acknowledge(ack).await,
                Ok(()) = key_changed(&mut self.running.config.key, next_key), if linked => self.tell_key().await,
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
            (ClientAct::Prove | ClientAct::Apply | ClientAct::Measured(_) | ClientAct::Skip, _) => Ok(()),
        }
    }

    async fn prove(&mut self, challenge: &Challenge) -> Result<(), Over> {
        let enrolled = self.running.state.borrow().enrolled;
        let config = &mut self.running.config;
        let key = *config.key.borrow_and_update();
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

    /// The edge ends the session with a word.
    fn dismissed(&self, message: ToNode) -> Over {
        match message {
            ToNode::Refused(Refused { code, message }) => {
                let trouble = format!("the edge refused this node: {message}");
                let has_secret = self.running.config.secret.is_some();
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
            ToNode::Nonce(_) | ToNode::NodeConfig(_) | ToNode::BeatAck(_) => {
                self.lost("the edge said something out of turn".to_owned())
            }
        }
    }

    async fn beat(&mut self) -> Result<(), Over> {
        let Some(seq) = self.session.beat_due(self.now()) else {
            return Ok(());
        };
        let mut report = (self.running.config.report)();
        let measured = self.session.round_trip();
        report.rtt_ms = measured.map(|taken| u32::try_from(taken.as_millis()).unwrap_or(u32::MAX));
        self.send(&Beat { seq, report }.into()).await
    }

    async fn acknowledge(&mut self, ack: ConfigAck) -> Result<(), Over> {
        // One of a session before this one may have waited; edges count anew in each.
        if self.version.is_none_or(|version| ack.version > version) {
            return Ok(());
        }
        self.send(&ack.into()).await
    }

    async fn tell_key(&mut self) -> Result<(), Over> {
        self.next_key = Instant::now() + BETWEEN_KEYS;
        let key = *self.running.config.key.borrow_and_update();
        self.send(&KeyUpdate { key }.into()).await
    }

    /// Asks that another replica take over, and waits a moment until it has.
    async fn leave(&mut self) -> Over {
        if self.session.is_linked() {
            let mut reason = self.running.leaving.borrow().clone().unwrap_or_default();
            reason.truncate(reason.floor_char_boundary(MOST_REASON));
            let asked = self.send(&Drain { reason }.into()).await;
            if asked.is_ok() {
                let _ = timeout(HAND_OVER, self.until_passive()).await;
            }
        }
        Over::Left
    }

    async fn until_passive(&mut self) {
        while let Ok(Some(message)) = self.channel.receive().await {
            if let ToNode::NodeConfig(config) = message
                && config.role == Role::Passive
            {
                return self.take(config);
            }
        }
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
        let setback = if self.session.is_linked() {
            Setback::Lost
        } else {
            Setback::Unreachable
        };
        Over::Again(setback, trouble)
    }
}

/// Completes when there is another key and it may be told. An error: nobody changes it any more.
async fn key_changed(
    key: &mut watch::Receiver<PeerKey>,
    not_before: Instant,
) -> Result<(), watch::error::RecvError> {
    sleep_until(not_before.into()).await;
    key.changed().await?;
    key.mark_changed();
    Ok(())
}
