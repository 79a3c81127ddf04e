//! What the decisions call things, in the words of the wire.

use std::time::Duration;

use adit_core::mesh::session::{BrokenRule, Claim, Credential, NodeSaid, Refusal};
use adit_wire::mesh::{RefusalCode, Refused, Report, ToEdge};

/// The refusal as it is sent.
#[must_use]
pub fn words_of(refusal: &Refusal) -> Refused {
    let code = match refusal {
        Refusal::TunnelNotFound => RefusalCode::TunnelNotFound,
        Refusal::BadSecret => RefusalCode::BadSecret,
        Refusal::NotSite => RefusalCode::NotSite,
        Refusal::BadSignature => RefusalCode::BadSignature,
        Refusal::NotLinked => RefusalCode::NotLinked,
        Refusal::TakenId => RefusalCode::TakenId,
        Refusal::TakenKey => RefusalCode::TakenKey,
        Refusal::TooMany(_) => RefusalCode::TooMany,
        Refusal::NoAddress => RefusalCode::NoAddress,
        Refusal::Unavailable(_) => RefusalCode::Unavailable,
    };
    Refused {
        code,
        message: refusal.to_string(),
    }
}

/// What a peer that broke a rule is told.
pub(super) fn misbehaved(what: &impl ToString) -> Refused {
    Refused {
        code: RefusalCode::Misbehaved,
        message: what.to_string(),
    }
}

/// What a message of a node comes to.
pub(super) fn said(message: &ToEdge) -> NodeSaid {
    match message {
        ToEdge::Enrol(enrol) => NodeSaid::Claim(Claim {
            site: enrol.site(),
            replica: enrol.connector,
            key: enrol.key,
            by: Credential::Token(enrol.identity),
        }),
        ToEdge::Hello(hello) => NodeSaid::Claim(Claim {
            site: hello.site(),
            replica: hello.connector,
            key: hello.key,
            by: Credential::Identity,
        }),
        ToEdge::ConfigAck(ack) => NodeSaid::Acknowledged { version: ack.version },
        ToEdge::Beat(beat) => NodeSaid::Beat {
            seq: beat.seq,
            round_trip: round_trip(&beat.report),
        },
        ToEdge::KeyUpdate(update) => NodeSaid::Key(update.key),
        ToEdge::Drain(_) => NodeSaid::Leaving,
    }
}
