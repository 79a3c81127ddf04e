//! The store through its ports, each test with a database of its own.

#[cfg(test)]
mod configurations;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod login;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod quick_tunnels;
#[cfg(test)]
mod sites;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tunnels;
#[cfg(test)]
mod zones_and_records;
