//! Where the ids of new objects come from.

use std::{collections::VecDeque, fmt, sync::Arc};

use parking_lot::Mutex;
use uuid::Uuid;

/// The ids of new objects. The default, and the only choice for a server, is random ones; who needs an object under a
/// known id says so beforehand.
#[derive(Clone, Default)]
pub struct Ids(Option<Arc<Mutex<VecDeque<Uuid>>>>);

impl Ids {
    /// Gives out what was announced, and random ids when nothing is.
    #[must_use]
    pub fn announced() -> Self {
        Self(Some(Arc::default()))
    }

    /// The next object gets this id: a tunnel, route, virtual network, subnet, zone or record. Of ids that are no
    /// UUIDs, these are the 16 bytes. Nothing happens to random ids.
    pub fn announce(&self, id: Uuid) {
        if let Self(Some(announced)) = self {
            announced.lock().push_back(id);
        }
    }

    pub(crate) fn next(&self) -> Uuid {
        let announced = self.0.as_ref().and_then(|announced| announced.lock().pop_front());
        announced.unwrap_or_else(Uuid::new_v4)
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "announced" } else { "random" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_announced_comes_once_and_in_order() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let ids = Ids::announced();
        ids.clone().announce(one);
        ids.announce(two);
        assert_eq!((ids.next(), ids.next()), (one, two));
        assert_eq!(ids.next().get_version_num(), 4);

        let random = Ids::default();
        random.announce(one);
        assert_ne!(random.next(), one);
    }
}
