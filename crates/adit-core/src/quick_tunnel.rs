//! Quick tunnels: what a stranger may have without an account, and for how long.
//!
//! A quick tunnel is made by one request without a credential. [`RateLimit`] says whether that request is one too
//! many, [`random_label`] names the host, and [`Lifetimes`] says when all of it goes again.

mod lifetimes;
mod name;
mod rate_limit;

pub use lifetimes::{Lifetimes, Use};
pub use name::random_label;
pub use rate_limit::RateLimit;

/// How many may live at once.
pub const MOST_LIVE: u64 = 200;
