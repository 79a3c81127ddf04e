//! Quick tunnels: what a stranger may have without an account, and for how long.
//!
//! A quick tunnel is made by one request without a credential. [`RateLimit`](crate::rate_limit::RateLimit) says whether that request is one too
//! many, [`random_label`] names the host, and [`Lifetimes`] says when all of it goes again.

mod lifetimes;
mod name;

pub use lifetimes::{Lifetimes, Use};
pub use name::random_label;

/// How many one client may ask for within a minute.
pub const MOST_A_MINUTE: usize = 5;

/// How many may live at once.
pub const MOST_LIVE: u64 = 200;
