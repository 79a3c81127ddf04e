//! The store through its ports, on PostgreSQL, each test with a database of its own.

#[cfg(test)]
mod lost_connections;
#[cfg(test)]
mod place;
#[cfg(test)]
#[path = "../ports/mod.rs"]
mod ports;

#[cfg(test)]
use ports::support;
#[cfg(test)]
mod schema;
