//! What the node tells its watchdog.

use std::{collections::BTreeSet, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::boot_time::BootTime;

use super::{GRACE, MAX_ORDER};
use crate::node::hooks::Change;

/// What is to be done, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) struct Order {
    /// The node's device.
    pub(in crate::node) device: String,
    /// Its virtual addresses.
    pub(in crate::node) addresses: BTreeSet<IpAddr>,
    /// When its lease ends; nothing while there is nothing to guard.
    pub(in crate::node) until: Option<BootTime>,
    /// What the node would run by itself.
    pub(in crate::node) command: Option<StandDown>,
}

/// The user's command for a replica that carries nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) struct StandDown {
    pub(in crate::node) command: String,
    pub(in crate::node) change: Change,
}

impl Order {
    /// Without the command if it is too long with it.
    pub(super) fn write(&self) -> serde_json::Result<Vec<u8>> {
        let text = serde_json::to_vec(self)?;
        if text.len() <= MAX_ORDER || self.command.is_none() {
            return Ok(text);
        }
        let without = Self {
            command: None,
            ..self.clone()
        };
        without.write()
    }

    /// Nothing if it is none: the one before stays.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text.get(..text.len().min(MAX_ORDER))?).ok()
    }

    /// When it is to be carried out.
    pub(super) fn due(&self) -> Option<BootTime> {
        self.until.map(|until| until.plus(GRACE))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use adit_wire::mesh::Role;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reading_undoes_writing(device in "[a-z0-9]{1,15}", addresses: BTreeSet<IpAddr>, until: Option<Duration>) {
            let order = Order {
                device,
                addresses: addresses.into_iter().take(16).collect(),
                until: until.map(BootTime::after_start),
                command: None,
            };
            prop_assert_eq!(Order::read(&order.write().unwrap()), Some(order));
        }

        #[test]
        fn a_command_that_is_too_long_goes_and_nothing_else(length in 0..2 * MAX_ORDER) {
            let order = Order {
                device: "adit0".to_owned(),
                command: Some(StandDown {
                    command: "x".repeat(length),
                    change: Change {
                        epoch: 7,
                        role: Role::Passive,
                        vips: Vec::new(),
                        prefixes: Vec::new(),
                        remote: vec!["10.20.0.0/24".parse().unwrap()],
                        fnr_id: None,
                        interface: "adit0".to_owned(),
                        tunnel: "t".to_owned(),
                        connector: "c".to_owned(),
                    },
                }),
                ..Order::default()
            };
            let read = Order::read(&order.write().unwrap()).unwrap();
            let without = Order { command: None, ..order.clone() };
            prop_assert!(read == order || length > MAX_ORDER / 2 && read == without);
        }

        #[test]
        fn no_text_panics(text: Vec<u8>) {
            let _ = Order::read(&text);
        }
    }
}
