//! What holds on every engine. `crate::place` makes the databases of the one that is tested.

mod accounts;
mod configurations;
mod directory;
mod durability;
mod host_limits;
mod lists;
mod load_balancers;
mod login;
mod mesh;
mod networks;
mod presence;
mod private_directory;
mod quick_tunnels;
mod sites;
pub(crate) mod support;
mod tunnels;
mod zones_and_records;
