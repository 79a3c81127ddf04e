//! What becomes of a packet that was handed over: it is of a flow, it begins one, or it goes nowhere.

use smoltcp::wire::TcpControl;

use super::{
    counts::Lost,
    intake::Handed,
    sort::{Content, FlowKey, Protocol, sort},
    write::segment,
};
use crate::hub::packet::icmp::Problem;

/// A packet with what it brings.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) handed: Handed,
    pub(super) content: Content,
}

/// What becomes of a packet.
#[derive(Debug)]
pub(super) enum Step {
    /// It is of a flow that there is.
    Deliver(FlowKey, Arrival),
    /// It begins a flow: whoever carries it dials the key's destination.
    Open(FlowKey, Arrival),
    /// It is a segment of no flow, which is answered with a reset.
    Reset(Handed),
    /// It goes nowhere, and its source is told, if there is a word for that.
    Refuse(Handed, Lost, Option<Problem>),
}

/// Decides by the packet and by which flows there are.
pub(super) fn step(handed: Handed, is_running: impl FnOnce(&FlowKey) -> bool) -> Step {
    let (key, content) = match sort(&handed.packet, &handed.head, handed.to) {
        Ok(sorted) => sorted,
        Err(lost) => {
            let problem = match lost {
                Lost::Fragment => Some(Problem::Prohibited),
                // Whoever sends another kind of ICMP waits for no answer.
                Lost::Protocol if !handed.head.is_icmp() => Some(Problem::Prohibited),
                Lost::Protocol
                | Lost::Malformed
                | Lost::Stray
                | Lost::Limit
                | Lost::SlowFlow
                | Lost::TooBig
                | Lost::Unsent => None,
            };
            return Step::Refuse(handed, lost, problem);
        }
    };
    if is_running(&key) {
        return Step::Deliver(key, Arrival { handed, content });
    }
    if key.protocol == Protocol::Tcp {
        match segment(&handed).map(|segment| (segment.control, segment.ack_number)) {
            None => return Step::Refuse(handed, Lost::Malformed, None),
            Some((TcpControl::Syn, None)) => {}
            Some((TcpControl::Rst, _)) => return Step::Refuse(handed, Lost::Stray, None),
            Some(_) => return Step::Reset(handed),
        }
    }
    Step::Open(key, Arrival { handed, content })
}

#[cfg(test)]
mod tests;
