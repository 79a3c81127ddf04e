//! What holds on every engine. `crate::place` makes the databases of the one that is tested.

mod directory;
mod durability;
mod login;
mod presence;
mod quick_tunnels;
pub(crate) mod support;
mod tunnels;
mod zones_and_records;
