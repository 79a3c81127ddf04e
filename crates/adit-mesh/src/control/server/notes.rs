//! What is noted of what a node says, and of how it goes.

use std::{io::ErrorKind, time::Duration};

use adit_core::{
    ha::{Epoch, election::Leave},
    port::CloseReason,
};
use adit_wire::mesh::{Role, ToEdge};
use tracing::{debug, info, warn};

use super::{End, LOOK, Served};
use crate::control::channel::ChannelError;

/// How long a linked node may bring no packet before its way counts as lost: it asks for an answer each second.
const PATH_SILENCE: Duration = Duration::from_millis(2500);

impl<S> Served<S> {
    pub(super) fn drain(&mut self, draining: bool) {
        if let Some(seat) = &mut self.seat {
            let (replica, reason) = (
                seat.replica,
                if draining {
                    CloseReason::Unregistered
                } else {
                    CloseReason::Lost
                },
            );
            seat.because(reason);
            self.is_draining = draining;
            self.desk.elect(seat.site, |election, at| {
                election.handle_drain(at, replica, draining)
            });
        }
    }

    pub(super) fn note_role(&self, message: &ToEdge) {
        let (ToEdge::RoleAck(ack), Some(seat)) = (message, &self.seat) else {
            return;
        };
        if !ack.errors.is_empty() {
            warn!(
                tunnel.id = %seat.site.tunnel, connector.id = %seat.replica, epoch = ack.epoch,
                role = ack.role.as_str(), errors = ?ack.errors, "a mesh node has its role, and not all that belongs to it"
            );
        }
        let (epoch, is_active) = (Epoch(ack.epoch), ack.role == Role::Active);
        self.desk.elect(seat.site, |election, at| {
            election.handle_role_ack(at, seat.replica, epoch, is_active);
        });
    }

    pub(super) fn note_beat(&mut self, message: &ToEdge) {
        let (ToEdge::Beat(beat), Some(seat)) = (message, &self.seat) else {
            return;
        };
        if beat.lan.well != self.lan_well {
            self.lan_well = beat.lan.well;
            info!(
                tunnel.id = %seat.site.tunnel, connector.id = %seat.replica, well = beat.lan.well,
                problems = ?beat.lan.problems, "the network of a mesh node"
            );
        }
        let round_trip = beat
            .report
            .rtt_ms
            .map(|millis| Duration::from_millis(millis.into()));
        let active_by = (beat.role == Role::Active).then_some(Epoch(beat.epoch));
        let path_well = self.opened.elapsed() < PATH_SILENCE
            || !self.desk.is_silent(seat.site, seat.replica, PATH_SILENCE);
        if path_well != self.path_well {
            self.path_well = path_well;
            info!(
                tunnel.id = %seat.site.tunnel, connector.id = %seat.replica, well = path_well,
                "the way of a mesh node's packets"
            );
        }
        self.desk.elect(seat.site, |election, at| {
            election.handle_path(at, seat.replica, path_well);
            election.handle_beat(at, seat.replica, round_trip, beat.lan.well, active_by);
        });
    }

    pub(super) fn look_after(&mut self, message: &ToEdge) {
        let (ToEdge::Beat(beat), Some(seat)) = (message, &self.seat) else {
            return;
        };
        if beat.report.mtu != self.mtu {
            self.mtu = beat.report.mtu;
            self.desk.note_mtu(seat.site, seat.replica, self.mtu);
        }
        if self.opened.elapsed() >= self.look_at {
            self.look_at = self.opened.elapsed() + LOOK;
            self.desk.look_for_packets(seat.site, seat.replica, self.remote);
        }
    }

    pub(super) fn note(&self, message: &ToEdge) {
        let (ToEdge::ConfigAck(ack), Some(seat)) = (message, &self.seat) else {
            return;
        };
        if ack.applied {
            self.desk.elect(seat.site, |election, at| {
                election.handle_took(at, seat.replica, ack.version);
            });
            debug!(tunnel.id = %seat.site.tunnel, connector.id = %seat.replica, version = ack.version, "configuration applied");
        } else {
            warn!(
                tunnel.id = %seat.site.tunnel, connector.id = %seat.replica, version = ack.version, errors = ?ack.errors,
                "a mesh node did not apply its configuration"
            );
        }
    }

    /// What the replica knows of the end of its session.
    pub(super) fn how(&self, end: &End) -> Leave {
        let is_ended = match end {
            End::Left | End::Broken(ChannelError::CutShort) => true,
            End::Broken(ChannelError::Broken(error)) => is_ended_by_peer(error.kind()),
            End::Broken(ChannelError::Stuck) | End::Silent(_) => false,
            End::Broken(ChannelError::Message(_)) | End::Misbehaved(_) | End::Refused(..) | End::Ended(_) => {
                return Leave::Dismissed;
            }
        };
        match (is_ended, self.is_draining) {
            (true, true) => Leave::Stopped,
            (true, false) => Leave::Ended,
            (false, _) => Leave::Silent,
        }
    }
}

/// Whether a connection that broke like this was ended by the system of the peer's host, which does so when a process dies;
/// not so one that only timed out.
const fn is_ended_by_peer(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}
