//! Which connection carries the next request.

/// What speaks for and against a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// How busy it is, in requests.
    pub load: usize,
    /// It answers, as far as is known.
    pub healthy: bool,
    /// Its peer takes one more stream.
    pub has_room: bool,
}

/// What a look at all candidates came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<T> {
    /// This one.
    Take(T),
    /// Each that could serve has as many requests as its peer allows: one will have room again.
    Full,
    /// There is none.
    Nobody,
}

impl<T> Choice<T> {
    /// What was taken, if anything was.
    pub fn taken(self) -> Option<T> {
        match self {
            Self::Take(taken) => Some(taken),
            Self::Full | Self::Nobody => None,
        }
    }

    /// The same of what is taken.
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Choice<U> {
        match self {
            Self::Take(taken) => Choice::Take(of(taken)),
            Self::Full => Choice::Full,
            Self::Nobody => Choice::Nobody,
        }
    }
}

/// Chooses for a request that nobody has been asked yet: a healthy candidate with room. While the healthy ones are
/// full, their room is worth waiting for; where none is healthy, to try another is better than to refuse.
#[must_use]
pub fn choose<T>(candidates: &[T], seen: impl Fn(&T) -> Candidate, random: u64) -> Choice<&T> {
    let if_usable = |usable: fn(Candidate) -> bool| {
        least_busy_of_two(candidates, &seen, |seen| usable(*seen), random).map(Choice::Take)
    };
    if_usable(|seen| seen.healthy && seen.has_room)
        .or_else(|| {
            let any_healthy = candidates.iter().any(|candidate| seen(candidate).healthy);
            any_healthy.then_some(Choice::Full)
        })
        .or_else(|| if_usable(|seen| seen.has_room))
        .unwrap_or(if candidates.is_empty() {
            Choice::Nobody
        } else {
            Choice::Full
        })
}

/// The less busy of two usable ones taken at random: near to the best spread, without looking at all of them and
/// without two requests in the same instant choosing alike. Where one of the two is not usable, the usable one that
/// follows in the list takes its place. `random` is any 64 random bits. `None` if no candidate is usable.
/// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing".
#[must_use]
pub fn least_busy_of_two<T>(
    candidates: &[T],
    seen: impl Fn(&T) -> Candidate,
    usable: impl Fn(&Candidate) -> bool,
    random: u64,
) -> Option<&T> {
    let count = u64::try_from(candidates.len()).ok().filter(|count| *count > 0)?;
    let (high, low) = (random >> 32, random & 0xFFFF_FFFF);
    let first = high % count;
    let step = if count > 1 { 1 + low % (count - 1) } else { 0 };
    let usable_from = |start: u64| {
        (start..start + count).find_map(|index| {
            let candidate = candidates.get(usize::try_from(index % count).ok()?)?;
            let seen = seen(candidate);
            usable(&seen).then_some((candidate, seen.load))
        })
    };
    let (one, load) = usable_from(first)?;
    let (other, others_load) = usable_from(first + step)?;
    Some(if others_load < load { other } else { one })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn free(load: usize) -> Candidate {
        Candidate {
            load,
            healthy: true,
            has_room: true,
        }
    }

    fn any_candidate() -> impl Strategy<Value = Candidate> {
        any::<(usize, bool, bool)>().prop_map(|(load, healthy, has_room)| Candidate {
            load,
            healthy,
            has_room,
        })
    }

    proptest! {
        #[test]
        fn the_best_kind_that_is_there_is_chosen(
            candidates in prop::collection::vec(any_candidate(), 0..9), random: u64,
        ) {
            let there = |kind: fn(&Candidate) -> bool| candidates.iter().any(kind);
            match choose(&candidates, |candidate| *candidate, random) {
                Choice::Take(taken) => {
                    prop_assert!(taken.has_room);
                    prop_assert!(taken.healthy || !there(|candidate| candidate.healthy));
                }
                Choice::Full => {
                    prop_assert!(!there(|candidate| candidate.healthy && candidate.has_room));
                    prop_assert!(there(|candidate| candidate.healthy) || !there(|candidate| candidate.has_room));
                }
                Choice::Nobody => prop_assert!(candidates.is_empty()),
            }
        }

        #[test]
        fn the_busiest_of_several_is_never_chosen(busy in 0_usize..5, random: u64) {
            let loads: Vec<usize> = (0..5).map(|i| usize::from(i == busy)).collect();
            prop_assert_eq!(choose(&loads, |load| free(*load), random), Choice::Take(&0));
        }
    }

    #[test]
    fn equal_candidates_share_the_work() {
        let candidates = [0, 1, 2, 3];
        let mut chosen = [0_u32; 4];
        for round in 0..4096_u64 {
            let random = round.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chosen[*choose(&candidates, |_| free(0), random).taken().unwrap()] += 1;
        }
        assert!(chosen.iter().all(|n| (900..1150).contains(n)), "{chosen:?}");
    }
}
