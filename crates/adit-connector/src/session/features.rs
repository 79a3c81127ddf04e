//! What a connection says of itself that it can do.

use adit_wire::features;

/// What every connection can do, in the edge's words.
const FEATURES: [&str; 5] = [
    "allow_remote_config",
    "serialized_headers",
    "support_datagram_v2",
    "support_quic_eof",
    features::TRAILERS,
];
/// Names of a time when datagrams were still changing.
const OBSOLETE: [&str; 2] = ["support_datagram_v3", "support_datagram_v3_1"];

/// What is announced: what every connection can do, and what was asked for beside it.
pub(super) fn announced(asked: &[String]) -> Vec<String> {
    let mut features = FEATURES.map(str::to_owned).to_vec();
    for feature in asked {
        if !features.contains(feature) && !OBSOLETE.contains(&feature.as_str()) {
            features.push(feature.clone());
        }
    }
    features
}

#[cfg(test)]
mod tests {
    use adit_wire::datagram::Version;

    use super::*;

    #[test]
    fn what_is_asked_for_is_announced_once_and_nothing_obsolete() {
        let asked = ["support_datagram_v3", "odd", "odd", "support_datagram_v2"].map(str::to_owned);
        let features = announced(&asked);
        assert_eq!(features.len(), FEATURES.len() + 1);
        assert_eq!(features.last().unwrap(), "odd");
    }

    #[test]
    fn datagrams_are_of_the_second_version_unless_the_third_is_asked_for() {
        assert_eq!(Version::of_features(&announced(&[])), Version::V2);
        let third = ["support_datagram_v3_2".to_owned()];
        assert_eq!(Version::of_features(&announced(&third)), Version::V3);
    }
}
