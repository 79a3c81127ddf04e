//! What all flows share, and how they are told of what went wrong.

use std::sync::Arc;

use adit_net::private::{PrivateDialError, PrivateDialer};

use super::{intake::Handed, limits::Places, write};
use crate::hub::{
    Answer, Answers,
    packet::icmp::{self, Problem},
};

/// What all flows share.
pub(super) struct Shared {
    pub(super) dialer: Arc<dyn PrivateDialer>,
    pub(super) answers: Answers,
    pub(super) places: Arc<Places>,
}

impl Shared {
    /// Tells the source of a packet that it went nowhere, and why, if there is room for that.
    pub(super) fn complain(&self, handed: &Handed, problem: Problem) {
        // That nobody listens says the destination itself.
        let speaker = handed.hub.filter(|_| problem != Problem::NoPort);
        if let Some(packet) = icmp::answer(&handed.packet, &handed.head, problem, speaker) {
            self.answers.try_send(vec![Answer {
                network: handed.to,
                to: handed.head.source,
                packet,
                complains: true,
            }]);
        }
    }

    /// Refuses a TCP segment with a reset.
    pub(super) fn reset(&self, handed: &Handed) {
        if let Some(packet) = write::reset_of(handed) {
            self.answers.try_send(vec![Answer {
                network: handed.to,
                to: handed.head.source,
                packet,
                complains: true,
            }]);
        }
    }
}

/// What the source of a packet is told that opened no flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The far end refuses: a reset of TCP, a port without a listener of UDP.
    ByFarEnd,
    /// Nobody got there.
    Problem(Problem),
    /// Nothing: it may try again.
    Nothing,
}

impl Refusal {
    /// What a failed dial means.
    pub(super) fn of(error: &PrivateDialError) -> Self {
        match error {
            PrivateDialError::NoRoute(_) => Self::Problem(Problem::NoRoute),
            PrivateDialError::Forbidden(_) => Self::Problem(Problem::Prohibited),
            // Connectors tell it in the words of their system, or do not tell it.
            PrivateDialError::Refused(words)
                if ["no route to host", "unreachable", "timeout", "timed out"]
                    .iter()
                    .any(|unreached| words.contains(unreached)) =>
            {
                Self::Problem(Problem::NoHost)
            }
            PrivateDialError::Refused(_) => Self::ByFarEnd,
            PrivateDialError::NoSuchHost(_)
            | PrivateDialError::NoConnector
            | PrivateDialError::OnlyHttp2
            | PrivateDialError::TimedOut
            | PrivateDialError::Broken(_) => Self::Problem(Problem::NoHost),
            PrivateDialError::TooMany(_) => Self::Nothing,
        }
    }
}
