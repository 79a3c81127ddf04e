//! From the mesh into networks behind connectors: flows of packets end here, and go on as byte streams, datagrams and
//! echo requests.
//!
//! The hub hands packets over ([`Intake`]) whose destination is routed to a `cfd_tunnel`. `flows` says what each is: of a
//! flow that there is, the beginning of one, or nothing that goes on. A flow is a task (`flow`), which dials by
//! [`PrivateDialer`] before anything is accepted. For TCP it has an end of its own ([`TcpEnd`]), a whole stack with one socket:
//! no flow waits for another. What goes back is handed to the hub again ([`Answers`]).
//!
//! - Whoever may send is the hub's business; where an address leads and what may be reached is the dialer's.
//! - A flow belongs to its addresses in its virtual network, not to the member: it goes on when another replica takes its
//!   site over.
//! - Up to 4,096 packets wait to be looked at, and up to 16,384 for their flows, of each of which no more than 256. Newer ones
//!   are dropped and counted; TCP sends them again.
//! - Fragments are refused: what connectors carry is smaller than what a member's path takes whole.
//! - Limits: [`Limits`]. A SYN beyond them is dropped, as by a host whose backlog is full. A SYN costs a place among those
//!   of its member that open, and no memory but itself, until the far end has accepted; a handshake that is not completed
//!   then ends after 10 s.

mod counts;
mod dispatch;
mod flow;
mod flows;
mod intake;
mod limits;
mod record;
mod shared;
mod sort;
pub(crate) mod tcp;
mod write;

use std::sync::Arc;

use adit_net::private::PrivateDialer;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    intake::{Handed, Intake},
    limits::Limits,
    tcp::{Incoming, TcpEnd},
};
use self::{limits::Places, shared::Shared};
use crate::hub::Answers;

/// Carries flows of the mesh to connectors. Dropping it ends every flow.
pub struct Onramp {
    intake: Intake,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Onramp {
    /// Begins to carry what is handed over. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(limits: Limits, dialer: Arc<dyn PrivateDialer>, answers: Answers) -> Self {
        counts::describe();
        let (intake, packets) = Intake::channel();
        let shared = Arc::new(Shared {
            dialer,
            answers,
            places: Places::new(limits),
        });
        let stopping = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(dispatch::run(shared, packets, stopping.clone()));
        tasks.close();
        Self {
            intake,
            stopping,
            tasks,
        }
    }

    /// Where packets are handed over.
    #[must_use]
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Ends every flow and waits until they are gone.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Onramp {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

#[cfg(test)]
pub(crate) mod stub;
#[cfg(test)]
mod tests;
