//! What the decisions call things, in the words of the wire.

use std::time::Duration;

use adit_core::mesh::session::{Claim, Credential, EdgeSaid, NodeSaid, Refusal};
use adit_wire::mesh::{RefusalCode, Refused, ToEdge, ToNode};

/// The refusal as it is sent.
pub(super) fn words_of(refusal: &Refusal) -> Refused {
    let code = match refusal {
        Refusal::TunnelNotFound => RefusalCode::TunnelNotFound,
        Refusal::BadSecret => RefusalCode::BadSecret,
        Refusal::NotSite => RefusalCode::NotSite,
        Refusal::BadSignature => RefusalCode::BadSignature,
        Refusal::NotLinked => RefusalCode::NotLinked,
        Refusal::TakenId => RefusalCode::TakenId,
        Refusal::TakenKey => RefusalCode::TakenKey,
        Refusal::WeakKey => RefusalCode::WeakKey,
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

/// What a message of the edge comes to; `None` for those that end a session.
pub(super) fn told(message: &ToNode) -> Option<EdgeSaid> {
    match message {
        ToNode::Nonce(_) => Some(EdgeSaid::Challenge),
        ToNode::NodeConfig(config) => Some(EdgeSaid::Config {
            version: config.version,
            beat: Duration::from_millis(config.beat_ms.into()),
        }),
        ToNode::Lease(_) => Some(EdgeSaid::Leased),
        ToNode::BeatAck(ack) => Some(EdgeSaid::Heard(ack.seq)),
        ToNode::Refused(_) | ToNode::Revoke(_) | ToNode::Closing(_) => None,
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
            round_trip: beat
                .report
                .rtt_ms
                .map(|millis| Duration::from_millis(millis.into())),
        },
        ToEdge::KeyUpdate(update) => NodeSaid::Key(update.key),
        ToEdge::Drain(_) => NodeSaid::Leaving,
        ToEdge::Resume(_) => NodeSaid::Staying,
        ToEdge::RoleAck(ack) => NodeSaid::TookRole { epoch: ack.epoch },
    }
}
