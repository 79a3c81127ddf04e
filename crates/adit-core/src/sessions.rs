//! UDP sessions and ICMP echoes through connectors: who may have how many, where a session is, and when it ends.
//!
//! A [`Session`] is one UDP flow of one user. It is asked for on a connection, moves to another one when that goes, and
//! ends by itself when nothing has passed for its idle time. [`Places`] bounds how many there are; [`Echoes`] tells the
//! echo flows on one connection apart.
//!
//! Nothing here reads a clock: times are the span since any fixed moment.

mod echoes;
mod places;
mod session;
mod stop;

pub use echoes::{Echoes, Unanswered};
pub use places::{FlowLimits, Full, Places};
pub use session::{Arrival, Asking, End, Session, Step, Todo, idle_hint};
pub use stop::{Stop, next_stop};
