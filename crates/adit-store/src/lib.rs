//! Durable state: SQLite or PostgreSQL behind the ports of `adit-core`.
//!
//! [`Store`] is the [`Catalog`](adit_core::port::Catalog) of the API, and the
//! [`Directory`](adit_core::port::Directory) and [`Presence`](adit_core::port::Presence) of the edge. It decides
//! nothing about tunnels: it keeps what it is told, refuses what would break its rules, and tells the edges what
//! changed. Start with [`Store::open`] and [`Store::bootstrap`]; `writer` explains why an acknowledged change is on
//! disk, `directory` how edges follow along.
//!
//! SQL is text that both engines run (`sql`); what only one of them understands is in `sqlite` and `postgres`.

mod accounts;
mod address;
mod api_tokens;
mod audit_log;
mod backup;
mod bootstrap;
mod catalog;
mod clock;
mod configurations;
mod connectors;
mod credential;
mod directory;
mod dns_records;
mod engine;
mod failure;
mod host_limits;
mod hosts;
mod ids;
mod load_balancers;
mod login;
mod mesh;
mod meta;
mod networks;
mod node;
mod open;
mod page;
mod place;
mod postgres;
mod presence;
mod quick_tunnels;
mod reach;
mod read;
mod row;
mod schema;
mod seal;
mod setup;
mod sites;
mod sql;
mod sqlite;
#[cfg(feature = "statements")]
pub mod statements;
mod store;
mod sweep;
mod token_use;
mod tunnels;
mod tx;
mod users;
mod writer;
mod zones;

pub use address::{BadStoreAddress, StoreAddress};
pub use adit_core::port::ZoneError;
pub use adit_core::token_value::{ApiTokenValue, ApiTokenValueError};
pub use backup::{check_copy, copy_database};
pub use bootstrap::{Bootstrap, BootstrapOutcome};
pub use clock::Clock;
pub use credential::UserKey;
pub use ids::Ids;
pub use open::OpenError;
pub use seal::StoreKeys;
pub use store::{Store, StoreOptions};
pub use sweep::{Retention, Swept};
