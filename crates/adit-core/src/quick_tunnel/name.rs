//! The names of quick tunnels' hosts.

use std::sync::LazyLock;

use rand::{Rng, seq::IndexedRandom};

/// Short, friendly words that are hard to mishear, one a line.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// Three random words with dashes between them: one label of a host name, one of some 200 million.
///
/// That is enough not to meet another one by chance; it does not hide what is behind it from who searches.
#[must_use]
pub fn random_label(rng: &mut impl Rng) -> String {
    let words: Vec<&str> = WORDS
        .choose_iter(rng)
        .into_iter()
        .flatten()
        .copied()
        .take(3)
        .collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use adit_model::Hostname;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn the_words_are_short_plain_sorted_and_different() {
        assert!(WORDS.len() >= 500);
        assert!(WORDS.is_sorted_by(|a, b| a < b));
        for word in WORDS.iter() {
            assert!((3..=9).contains(&word.len()), "{word}");
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
        }
    }

    #[test]
    fn a_label_is_three_words_and_names_a_host() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut labels: Vec<String> = (0..1000).map(|_| random_label(&mut rng)).collect();
        for label in &labels {
            let words: Vec<&str> = label.split('-').collect();
            assert_eq!(words.len(), 3, "{label}");
            assert!(words.iter().all(|word| WORDS.contains(word)), "{label}");
            assert!(format!("{label}.adit.localhost").parse::<Hostname>().is_ok());
        }
        labels.sort_unstable();
        labels.dedup();
        assert!(labels.len() >= 999, "{} of 1000 differ", labels.len());
    }
}
