//! Which connection carries the next request.

/// What speaks for and against a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// How busy it is, in requests.
    pub load: usize,
    /// It may have new work.
    pub usable: bool,
}

/// The less busy of two usable ones taken at random: near to the best spread, without looking at all of them and
/// without two requests in the same instant choosing alike. Where one of the two is not usable, the usable one that
/// follows in the list takes its place. `random` is any 64 random bits. `None` if no candidate is usable.
/// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing".
#[must_use]
pub fn least_busy_of_two<T>(candidates: &[T], seen: impl Fn(&T) -> Candidate, random: u64) -> Option<&T> {
    let count = u64::try_from(candidates.len()).ok().filter(|count| *count > 0)?;
    let (high, low) = (random >> 32, random & 0xFFFF_FFFF);
    let first = high % count;
    let step = if count > 1 { 1 + low % (count - 1) } else { 0 };
    let usable_from = |start: u64| {
        (start..start + count).find_map(|index| {
            let candidate = candidates.get(usize::try_from(index % count).ok()?)?;
            let seen = seen(candidate);
            seen.usable.then_some((candidate, seen.load))
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

    const fn usable(load: usize) -> Candidate {
        Candidate { load, usable: true }
    }

    proptest! {
        #[test]
        fn someone_is_chosen_whenever_someone_is_usable(
            candidates in prop::collection::vec((any::<usize>(), any::<bool>()), 0..9), random: u64,
        ) {
            let seen = |(load, usable): &(usize, bool)| Candidate { load: *load, usable: *usable };
            let chosen = least_busy_of_two(&candidates, seen, random);
            prop_assert_eq!(chosen.is_some(), candidates.iter().any(|(_, usable)| *usable));
            prop_assert!(chosen.is_none_or(|(_, usable)| *usable));
        }

        #[test]
        fn the_busiest_of_several_is_never_chosen(busy in 0_usize..5, random: u64) {
            let loads: Vec<usize> = (0..5).map(|i| usize::from(i == busy)).collect();
            prop_assert_eq!(least_busy_of_two(&loads, |load| usable(*load), random), Some(&0));
        }
    }

    #[test]
    fn equal_candidates_share_the_work() {
        let candidates = [0, 1, 2, 3];
        let mut chosen = [0_u32; 4];
        for round in 0..4096_u64 {
            let random = round.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chosen[*least_busy_of_two(&candidates, |_| usable(0), random).unwrap()] += 1;
        }
        assert!(chosen.iter().all(|n| (900..1150).contains(n)), "{chosen:?}");
    }
}
