//! Parameters that are several words.

use adit_model::TunnelKind;

use super::{QueryParams, RequestError, parse_either};

/// Every type of tunnel that the v4 API has; here there are only those that are a [`TunnelKind`].
pub(crate) const TUNNEL_TYPES: &[&str] = &[
    "cfd_tunnel",
    "warp_connector",
    "warp",
    "magic",
    "ip_sec",
    "gre",
    "cni",
];

impl QueryParams {
    /// The words of a parameter, separated by commas or given in repeats; `None` if there is none.
    pub(crate) fn words(
        &self,
        name: &'static str,
        expected: &'static str,
        known: &[&str],
    ) -> Result<Option<Vec<String>>, RequestError> {
        let read = |text: &str| -> Option<Vec<String>> {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            words
                .map(|word| known.contains(&word).then(|| word.to_owned()))
                .collect()
        };
        let mut words = Vec::new();
        for text in self.all(name) {
            let read = parse_either(text, read).ok_or(RequestError::BadParameter { name, expected })?;
            words.extend(read);
        }
        words.sort_unstable();
        words.dedup();
        Ok(Some(words).filter(|words| !words.is_empty()))
    }

    /// The kinds of tunnel that a parameter names; `None` if it is absent. Of the other types that the v4 API has there
    /// are none here.
    pub(crate) fn tunnel_kinds(&self, name: &'static str) -> Result<Option<Vec<TunnelKind>>, RequestError> {
        let expected = "a comma-separated list of cfd_tunnel, warp_connector, warp, magic, ip_sec, gre, cni";
        let words = self.words(name, expected, TUNNEL_TYPES)?;
        Ok(words.map(|words| words.iter().filter_map(|word| word.parse().ok()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> QueryParams {
        QueryParams::parse(text).unwrap()
    }

    #[test]
    fn words_come_separated_repeated_and_encoded_twice() {
        let words = |text: &str| query(text).words("w", "a or b", &["a", "b"]).ok();
        let both = Some(Some(vec!["a".to_owned(), "b".to_owned()]));
        for sent in ["w=a,b", "w=b&w=a", "w=a%2Cb", "w=a%252Cb", "w=,a, b,b&w="] {
            assert_eq!(words(sent), both, "{sent}");
        }
        assert_eq!(words("w=&x=a"), Some(None));
        assert_eq!(words("w=,"), Some(None));
        assert_eq!(words("w=a,c"), None);
        let kinds = |text: &str| query(text).tunnel_kinds("t").ok();
        assert_eq!(kinds("t=cfd_tunnel,gre"), Some(Some(vec![TunnelKind::CfdTunnel])));
        assert_eq!(kinds("t=gre"), Some(Some(Vec::new())));
    }
}
