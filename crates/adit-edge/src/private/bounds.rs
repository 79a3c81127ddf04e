//! How many flows run into private networks.

use std::{collections::HashMap, sync::Arc};

use adit_model::AccountId;
use adit_net::private::PrivateDialError;
use metrics::{Gauge, describe_gauge, gauge};
use parking_lot::Mutex;

/// Counts the flows of every account.
pub(crate) struct Bounds {
    most: usize,
    most_of_one: usize,
    running: Mutex<Running>,
    gauge: Gauge,
}

#[derive(Default)]
struct Running {
    all: usize,
    of: HashMap<AccountId, usize>,
}

/// A flow's place, free again when this is dropped.
pub(crate) struct FlowPlace {
    account: AccountId,
    bounds: Arc<Bounds>,
}

impl Bounds {
    pub(crate) fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        describe_gauge!("adit_private_flows", "Flows into private networks.");
        Arc::new(Self {
            most,
            most_of_one,
            running: Mutex::default(),
            gauge: gauge!("adit_private_flows"),
        })
    }

    /// Takes a place.
    pub(crate) fn hold(self: &Arc<Self>, account: AccountId) -> Result<FlowPlace, PrivateDialError> {
        let mut running = self.running.lock();
        if running.all >= self.most {
            return Err(PrivateDialError::TooMany("the edge has as many as it may"));
        }
        let of_account = running.of.entry(account).or_default();
        if *of_account >= self.most_of_one {
            return Err(PrivateDialError::TooMany("the account has as many as it may"));
        }
        *of_account += 1;
        running.all += 1;
        self.gauge.increment(1);
        Ok(FlowPlace {
            account,
            bounds: Arc::clone(self),
        })
    }
}

impl Drop for FlowPlace {
    fn drop(&mut self) {
        let mut running = self.bounds.running.lock();
        running.all -= 1;
        self.bounds.gauge.decrement(1);
        if let Some(count) = running.of.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                running.of.remove(&self.account);
            }
        }
    }
}

impl std::fmt::Debug for FlowPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FlowPlace").field(&self.account).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_and_all_together_have_so_many_flows_and_no_more() {
        let bounds = Bounds::new(3, 2);
        let [one, two] = [(); 2].map(|()| AccountId::random());
        let first = bounds.hold(one).unwrap();
        let _second = bounds.hold(one).unwrap();
        let full = bounds.hold(one).unwrap_err();
        assert_eq!(
            full,
            PrivateDialError::TooMany("the account has as many as it may")
        );
        let third = bounds.hold(two).unwrap();
        let full = bounds.hold(two).unwrap_err();
        assert_eq!(full, PrivateDialError::TooMany("the edge has as many as it may"));
        drop(first);
        bounds.hold(one).unwrap();
        drop(third);
        assert!(
            !bounds.running.lock().of.contains_key(&two),
            "nothing is left behind"
        );
    }
}
