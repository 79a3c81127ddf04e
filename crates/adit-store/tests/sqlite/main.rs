//! The store through its ports, on SQLite, each test with a database of its own.

#[cfg(test)]
mod files;
#[cfg(test)]
mod place;
#[cfg(test)]
#[path = "../ports/mod.rs"]
mod ports;

#[cfg(test)]
use ports::support;
