//! One attempt after another.

use std::{error::Error, fmt::Write as _};

use adit_core::mesh::session::{KeyOffer, Leases, Redial, Setback};
use adit_wire::mesh::RefusalCode;
use tokio::{
    select,
    sync::{mpsc, watch},
    time::sleep,
};
use tracing::{info, warn};

use super::{Ack, ClientConfig, ClientPhase, ClientState, HeldLease, session};

/// A running client, without its handle.
pub(super) struct Running {
    pub(super) config: ClientConfig,
    pub(super) state: watch::Sender<ClientState>,
    pub(super) lease: watch::Sender<Option<HeldLease>>,
    pub(super) leases: Leases,
    /// What the edge was told of this node's keys.
    pub(super) offer: KeyOffer,
    pub(super) acks: mpsc::Receiver<Ack>,
    /// Why another replica is to carry the site's traffic, if one is.
    pub(super) draining: watch::Receiver<Option<String>>,
    pub(super) leaving: watch::Receiver<Option<String>>,
}

/// How an attempt ended.
pub(super) enum Over {
    /// To be tried again.
    Again(Setback, String),
    /// To be tried again at once with the token, since the edge knows this replica no more.
    EnrolAnew(String),
    /// Nothing that this node can try will succeed.
    Refused(RefusalCode, String),
    /// It was told to stop.
    Left,
}

impl Running {
    pub(super) async fn run(mut self) {
        let phase = self.keep_up().await;
        self.state.send_modify(|state| state.phase = phase);
    }

    /// Returns how the client stands when it is over.
    async fn keep_up(&mut self) -> ClientPhase {
        let mut redial = Redial::new(self.config.edges.len());
        loop {
            let setback = match self.attempt(&mut redial).await {
                Over::Left => return ClientPhase::Stopped,
                Over::Refused(code, trouble) => {
                    self.note(&trouble);
                    return ClientPhase::Refused(code);
                }
                Over::EnrolAnew(trouble) => {
                    self.note(&trouble);
                    self.leases = Leases::default();
                    self.lease.send_replace(None);
                    self.state.send_modify(|state| {
                        state.enrolled = false;
                        state.config = None;
                    });
                    if self.config.secret.is_none() {
                        return ClientPhase::Refused(RefusalCode::NotLinked);
                    }
                    Setback::Lost
                }
                Over::Again(setback, trouble) => {
                    self.note(&trouble);
                    setback
                }
            };
            let wait = redial.after(setback, chance());
            select! {
                () = sleep(wait) => {}
                () = told_to_leave(&mut self.leaving) => return ClientPhase::Stopped,
            }
        }
    }

    async fn attempt(&mut self, redial: &mut Redial) -> Over {
        let Some(edge) = self.config.edges.get(redial.edge()).cloned() else {
            return Over::Refused(RefusalCode::Unknown, "no edge is known".to_owned());
        };
        let dialled = select! {
            dialled = self.config.dialer.dial(&edge) => dialled,
            () = told_to_leave(&mut self.leaving) => return Over::Left,
        };
        match dialled {
            Ok(stream) => session::hold(self, stream, redial).await,
            Err(error) => Over::Again(Setback::Unreachable, chain(&error)),
        }
    }

    /// Shows and logs why there is no session; the same reason once.
    fn note(&self, trouble: &str) {
        let news = self.state.send_if_modified(|state| {
            let phase = std::mem::take(&mut state.phase);
            let news = state.trouble.as_deref() != Some(trouble);
            state.trouble = Some(trouble.to_owned());
            news || phase != ClientPhase::Dialling
        });
        if news {
            warn!(trouble, "no session with an edge");
        }
    }

    pub(super) fn linked(&self, edge: std::net::SocketAddr) {
        info!(%edge, "linked to the edge");
    }
}

/// Completes when the client is told to stop, or its handle is gone.
pub(super) async fn told_to_leave(leaving: &mut watch::Receiver<Option<String>>) {
    let _ = leaving.wait_for(Option::is_some).await;
}

/// An error with its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // Writing to a text does not fail.
        let _ = write!(text, ": {next}");
        cause = next.source();
    }
    text
}

/// Between 0 and 1; without randomness, in the middle.
fn chance() -> f64 {
    let mut byte = [0; 1];
    match aws_lc_rs::rand::fill(&mut byte) {
        Ok(()) => f64::from(byte[0]) / 255.0,
        Err(_) => 0.5,
    }
}
