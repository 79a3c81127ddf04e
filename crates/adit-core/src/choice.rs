//! Which connection carries the next request.

/// The less busy of two taken at random: near to the best spread, without looking at all of them and without two
/// requests in the same instant choosing alike. `random` is any 64 random bits. `None` if there is no candidate.
/// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing".
#[must_use]
pub fn least_pending_of_two<T>(candidates: &[T], pending: impl Fn(&T) -> usize, random: u64) -> Option<&T> {
    let count = u64::try_from(candidates.len()).ok().filter(|count| *count > 0)?;
    let (high, low) = (random >> 32, random & 0xFFFF_FFFF);
    let first = high % count;
    let step = if count > 1 { 1 + low % (count - 1) } else { 0 };
    let at = |index: u64| candidates.get(usize::try_from(index % count).ok()?);
    let (one, other) = (at(first)?, at(first + step)?);
    Some(if pending(other) < pending(one) { other } else { one })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn someone_is_chosen_whenever_someone_is_there(pending: Vec<usize>, random: u64) {
            let chosen = least_pending_of_two(&pending, |p| *p, random);
            prop_assert_eq!(chosen.is_some(), !pending.is_empty());
        }

        #[test]
        fn the_busiest_of_several_is_never_chosen(busy in 0_usize..5, random: u64) {
            let pending: Vec<usize> = (0..5).map(|i| usize::from(i == busy)).collect();
            prop_assert_eq!(least_pending_of_two(&pending, |p| *p, random), Some(&0));
        }
    }

    #[test]
    fn equal_candidates_share_the_work() {
        let candidates = [0, 1, 2, 3];
        let mut chosen = [0_u32; 4];
        for round in 0..4096_u64 {
            let random = round.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chosen[*least_pending_of_two(&candidates, |_| 0, random).unwrap()] += 1;
        }
        assert!(chosen.iter().all(|n| (900..1150).contains(n)), "{chosen:?}");
    }
}
