//! How many flows an account and a connector may have.

use std::collections::{BTreeMap, btree_map::Entry};

use adit_model::{AccountId, ConnectorId};

/// Bounds on flows, UDP sessions and echo flows together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowLimits {
    /// Of one account. Default 65,536.
    pub account: usize,
    /// Through one connector. Default 16,384.
    pub connector: usize,
    /// Of one edge. Default 131,072.
    pub all: usize,
}

impl Default for FlowLimits {
    fn default() -> Self {
        Self {
            account: 65_536,
            connector: 16_384,
            all: 131_072,
        }
    }
}

/// Who has as many flows as they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The account.
    #[error("the account has as many flows as it may")]
    Account,
    /// The connector.
    #[error("the connector has as many flows as the edge gives it")]
    Connector,
    /// The edge.
    #[error("the edge has as many flows as it may")]
    Edge,
}

/// The flows that there are.
#[derive(Debug, Default)]
pub struct Places {
    limits: FlowLimits,
    accounts: BTreeMap<AccountId, usize>,
    connectors: BTreeMap<ConnectorId, usize>,
    all: usize,
}

impl Places {
    /// None are taken.
    #[must_use]
    pub fn new(limits: FlowLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes one, to be given back.
    ///
    /// # Errors
    /// [`Full`] if one may not have more.
    pub fn take(&mut self, account: AccountId, connector: ConnectorId) -> Result<(), Full> {
        if self.all >= self.limits.all {
            return Err(Full::Edge);
        }
        if count(&self.accounts, &account) >= self.limits.account {
            return Err(Full::Account);
        }
        if count(&self.connectors, &connector) >= self.limits.connector {
            return Err(Full::Connector);
        }
        self.all += 1;
        *self.accounts.entry(account).or_default() += 1;
        *self.connectors.entry(connector).or_default() += 1;
        Ok(())
    }

    /// A flow goes from one connector to another.
    ///
    /// # Errors
    /// [`Full`] if the other may not have more; nothing has changed then.
    pub fn change(&mut self, from: ConnectorId, to: ConnectorId) -> Result<(), Full> {
        if from == to {
            return Ok(());
        }
        if count(&self.connectors, &to) >= self.limits.connector {
            return Err(Full::Connector);
        }
        *self.connectors.entry(to).or_default() += 1;
        release(&mut self.connectors, from);
        Ok(())
    }

    /// Gives one back.
    pub fn give_back(&mut self, account: AccountId, connector: ConnectorId) {
        self.all = self.all.saturating_sub(1);
        release(&mut self.accounts, account);
        release(&mut self.connectors, connector);
    }
}

fn count<K: Ord>(counts: &BTreeMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or_default()
}

fn release<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    if let Entry::Occupied(mut held) = counts.entry(key) {
        *held.get_mut() = held.get().saturating_sub(1);
        if *held.get() == 0 {
            held.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: FlowLimits = FlowLimits {
        account: 3,
        connector: 2,
        all: 4,
    };

    fn account(number: u8) -> AccountId {
        AccountId::from_bytes([number; 16])
    }

    fn connector(number: u8) -> ConnectorId {
        ConnectorId::from_slice(&[number; 16]).unwrap()
    }

    #[test]
    fn each_bound_is_told() {
        let mut places = Places::new(LIMITS);
        let mut take = |of, through| places.take(account(of), connector(through));
        assert_eq!([take(1, 1), take(1, 1)], [Ok(()), Ok(())]);
        assert_eq!(take(2, 1), Err(Full::Connector));
        assert_eq!([take(1, 2), take(1, 2)], [Ok(()), Err(Full::Account)]);
        assert_eq!([take(2, 2), take(3, 3)], [Ok(()), Err(Full::Edge)]);
        assert_eq!(places.change(connector(2), connector(1)), Err(Full::Connector));
        assert_eq!(places.change(connector(2), connector(3)), Ok(()));
        places.give_back(account(2), connector(2));
        assert_eq!(places.take(account(3), connector(3)), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_given_back_is_forgotten(steps in prop::collection::vec((0_u8..3, 0_u8..3, 0_u8..3), 0..50)) {
            let mut places = Places::new(LIMITS);
            let mut held = Vec::new();
            for (of, through, then) in steps {
                if places.take(account(of), connector(through)).is_ok() {
                    let moved = places.change(connector(through), connector(then)).is_ok();
                    held.push((of, if moved { then } else { through }));
                }
                prop_assert!(held.len() <= LIMITS.all);
                if held.len() == LIMITS.all {
                    let (of, through) = held.swap_remove(0);
                    places.give_back(account(of), connector(through));
                }
            }
            for (of, through) in held {
                places.give_back(account(of), connector(through));
            }
            prop_assert!(places.all == 0 && places.accounts.is_empty() && places.connectors.is_empty());
        }
    }
}
