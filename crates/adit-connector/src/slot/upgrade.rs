//! From HTTP/2 back to QUIC: a slot whose connection runs over the fall-back dials QUIC beside it, registers, and only
//! then lets the old connection go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Running, Slot};
use crate::dial::DialFailure;
use crate::link::Link;
use crate::{Protocol, Shutdown};

/// A slot that could not follow the others back to QUIC tries again after this.
const PAUSE: Duration = Duration::from_secs(15);

/// The way back of one slot.
#[derive(Default)]
pub(super) struct Upgrade {
    /// At most one.
    dials: JoinSet<Result<Link, DialFailure>>,
    /// Over QUIC, about to be registered.
    candidate: Option<Running>,
    not_before: Option<Instant>,
}

impl Upgrade {
    /// What came of the dial that is under way.
    pub(super) async fn dialled(&mut self) -> Option<Result<Link, DialFailure>> {
        // One that was given up ends as cancelled.
        self.dials.join_next().await?.ok()
    }

    pub(super) fn stop(&mut self) {
        self.dials.abort_all();
    }

    /// Whether this one, now ended, was about to take the place of the current connection.
    pub(super) fn drop_candidate(&mut self, number: u64) -> bool {
        self.candidate
            .take_if(|candidate| candidate.number == number)
            .is_some()
    }
}

impl Slot {
    fn may_upgrade(&self) -> bool {
        let on_fallback = |running: &Running| running.is_registered && running.protocol == Protocol::Http2;
        self.current.as_ref().is_some_and(on_fallback)
            && self.upgrade.dials.is_empty()
            && self.upgrade.candidate.is_none()
    }

    /// When [`Slot::begin_upgrade`] has something to do.
    pub(super) fn upgrade_timeout(&self) -> Option<Instant> {
        if !self.may_upgrade() {
            return None;
        }
        let choice = self.shared.choice.lock();
        let due = match choice.current() {
            Protocol::Quic => Some(Instant::now()),
            Protocol::Http2 => choice.poll_timeout(),
        };
        due.map(|due| self.upgrade.not_before.map_or(due, |earliest| earliest.max(due)))
    }

    /// Dials QUIC beside the connection, if the others are back on it or it is this slot's turn to try.
    pub(super) fn begin_upgrade(&mut self, now: Instant) {
        if !self.may_upgrade() || self.upgrade.not_before.is_some_and(|earliest| now < earliest) {
            return;
        }
        let mut choice = self.shared.choice.lock();
        if choice.current() != Protocol::Quic && !choice.take_try(now) {
            return;
        }
        drop(choice);
        let edges = &self.shared.config.edges;
        let place = rand::random_range(0..edges.len().max(1));
        let Some(edge) = edges.get(place).cloned() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        self.upgrade.not_before = Some(now + PAUSE);
        self.upgrade
            .dials
            .spawn(async move { shared.dialers.dial(&edge, Protocol::Quic).await });
    }

    pub(super) fn upgrade_dialled(&mut self, dialled: Result<Link, DialFailure>, shutdown: &Shutdown) {
        match dialled {
            Ok(link) => self.upgrade.candidate = Some(self.start(link, shutdown)),
            Err(failure) => {
                let error = &failure as &dyn std::error::Error;
                tracing::debug!(connIndex = self.index.0, error, "QUIC does not come through yet");
            }
        }
    }

    /// The candidate is registered: it takes the place of the current connection.
    pub(super) fn promote(&mut self, number: u64) -> Option<Protocol> {
        let candidate = self
            .upgrade
            .candidate
            .take_if(|candidate| candidate.number == number)?;
        let protocol = candidate.protocol;
        self.upgrade.not_before = None;
        self.redial.handle_replaced();
        self.act();
        let running = Running {
            is_registered: true,
            ..candidate
        };
        if let Some(old) = self.current.replace(running) {
            old.retire.cancel();
        }
        Some(protocol)
    }
}
