//! What leading a host name to a pool of tunnels changes.

use adit_model::PoolId;

/// What became of a thing that was to be as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was made.
    New,
    /// It was there and was changed.
    Updated,
    /// It was there, and as asked.
    Unchanged,
}

impl Outcome {
    /// The word in the v4 API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What became of a load balancer and its pool. A load balancer that is unchanged never has a new pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balanced {
    /// The load balancer: updated if it led to another pool.
    pub load_balancer: Outcome,
    /// The pool: updated if the tunnel was not in it.
    pub pool: Outcome,
}

/// A pool that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentPool {
    /// Which one.
    pub id: PoolId,
    /// Whether the tunnel is in it.
    pub has_tunnel: bool,
}

/// Decides what is to be done so that a host name leads to a pool and a tunnel is in it, given the pool of that name
/// and the pool that the host name leads to now.
#[must_use]
pub fn plan_balanced(pool: Option<PresentPool>, leads_to: Option<PoolId>) -> Balanced {
    Balanced {
        load_balancer: match leads_to {
            None => Outcome::New,
            Some(present) if pool.is_some_and(|pool| pool.id == present) => Outcome::Unchanged,
            Some(_) => Outcome::Updated,
        },
        pool: match pool {
            None => Outcome::New,
            Some(pool) if pool.has_tunnel => Outcome::Unchanged,
            Some(_) => Outcome::Updated,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_made_changed_or_left_and_an_unchanged_load_balancer_has_no_new_pool() {
        use Outcome::{New, Unchanged, Updated};
        let (one, other) = (PoolId::random(), PoolId::random());
        let present = |has_tunnel| Some(PresentPool { id: one, has_tunnel });
        for (pool, leads_to, expected) in [
            (None, None, (New, New)),
            (None, Some(other), (Updated, New)),
            (present(false), None, (New, Updated)),
            (present(true), None, (New, Unchanged)),
            (present(false), Some(one), (Unchanged, Updated)),
            (present(true), Some(one), (Unchanged, Unchanged)),
            (present(false), Some(other), (Updated, Updated)),
            (present(true), Some(other), (Updated, Unchanged)),
        ] {
            let planned = plan_balanced(pool, leads_to);
            assert_eq!((planned.load_balancer, planned.pool), expected);
        }
    }
}
