//! What a viewer of log lines asks for.
//! Source: cloudflare/cloudflared: management/events.go, management/session.go.

use serde::Deserialize;

use super::line::{Gravity, Subject};

/// Kinds that a filter may name; there are four.
const MAX_SUBJECTS: usize = 16;

/// Which lines a viewer wants.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filters {
    least: Gravity,
    /// All, if there are none.
    subjects: Vec<Subject>,
    /// The share of them, where it is not all.
    share: Option<f64>,
}

/// What a viewer asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// Lines, from now on.
    Start(Filters),
    /// No more lines.
    Stop,
}

/// Why a message is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadMessage {
    /// Its filters make no sense.
    #[error("expected start streaming as first event")]
    BadStart,
    /// It is nothing that a viewer may say.
    #[error("no message of a viewer: start_streaming or stop_streaming as JSON text")]
    Unknown,
}

#[derive(Deserialize)]
struct WireMessage {
    r#type: String,
}

#[derive(Deserialize)]
struct WireStart {
    #[serde(default)]
    filters: Option<WireFilters>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireFilters {
    events: Option<Vec<Subject>>,
    level: Option<Gravity>,
    sampling: Option<f64>,
}

impl Asked {
    /// Reads a text message.
    ///
    /// # Errors
    /// [`BadMessage`]
    pub(super) fn read(text: &str) -> Result<Self, BadMessage> {
        let message: WireMessage = serde_json::from_str(text).map_err(|_| BadMessage::Unknown)?;
        match message.r#type.as_str() {
            "stop_streaming" => Ok(Self::Stop),
            "start_streaming" => {
                let start: WireStart = serde_json::from_str(text).map_err(|_| BadMessage::BadStart)?;
                Filters::read(start.filters.unwrap_or_default())
                    .map(Self::Start)
                    .ok_or(BadMessage::BadStart)
            }
            _ => Err(BadMessage::Unknown),
        }
    }
}

impl Filters {
    fn read(wire: WireFilters) -> Option<Self> {
        let subjects = wire.events.unwrap_or_default();
        let share = wire.sampling.filter(|share| *share > 0.0 && *share < 1.0);
        (subjects.len() <= MAX_SUBJECTS).then(|| Self {
            least: wire.level.unwrap_or_default(),
            subjects,
            share,
        })
    }

    /// Whether a viewer wants such a line. `draw` lies between 0 and 1, and is drawn anew for each line.
    pub(super) fn want(&self, gravity: Gravity, subject: Subject, draw: impl FnOnce() -> f64) -> bool {
        gravity >= self.least
            && (self.subjects.is_empty() || self.subjects.contains(&subject))
            && self.share.is_none_or(|share| draw() < share)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filters(json: &str) -> Filters {
        match Asked::read(json).unwrap() {
            Asked::Start(filters) => filters,
            Asked::Stop => panic!("it starts"),
        }
    }

    fn wants(json: &str, gravity: Gravity, subject: Subject) -> bool {
        filters(json).want(gravity, subject, || 0.5)
    }

    #[test]
    fn level_kind_and_share_choose_lines() {
        let all = r#"{"type":"start_streaming"}"#;
        assert!(wants(all, Gravity::Debug, Subject::Udp));
        let nothing = r#"{"type":"start_streaming","filters":null}"#;
        assert!(wants(nothing, Gravity::Debug, Subject::Cloudflared));
        let some = r#"{"type":"start_streaming","filters":{"events":["http","tcp"],"level":"warn"}}"#;
        assert!(wants(some, Gravity::Error, Subject::Http));
        assert!(!wants(some, Gravity::Info, Subject::Http));
        assert!(!wants(some, Gravity::Error, Subject::Udp));
        for (share, wanted) in [
            ("0", true),
            ("1", true),
            ("0.6", true),
            ("0.4", false),
            ("-3", true),
        ] {
            let json = format!(r#"{{"type":"start_streaming","filters":{{"sampling":{share}}}}}"#);
            assert_eq!(wants(&json, Gravity::Info, Subject::Http), wanted, "{share}");
        }
    }

    #[test]
    fn what_no_viewer_says_is_told_apart_from_bad_filters() {
        for bad in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"type":""}"#,
            r#"{"type":"logs"}"#,
            r#"{"type":7}"#,
            r#"{"type":"start_str"#,
        ] {
            assert_eq!(Asked::read(bad), Err(BadMessage::Unknown), "{bad}");
        }
        for bad in [
            r#"{"type":"start_streaming","filters":{"level":"fatal"}}"#,
            r#"{"type":"start_streaming","filters":{"events":["dns"]}}"#,
            r#"{"type":"start_streaming","filters":{"events":"http"}}"#,
            r#"{"type":"start_streaming","filters":{"sampling":"all"}}"#,
            r#"{"type":"start_streaming","filters":7}"#,
        ] {
            assert_eq!(Asked::read(bad), Err(BadMessage::BadStart), "{bad}");
        }
        let many = format!(
            r#"{{"type":"start_streaming","filters":{{"events":[{}]}}}}"#,
            vec![r#""http""#; 17].join(",")
        );
        assert_eq!(Asked::read(&many), Err(BadMessage::BadStart));
        assert_eq!(Asked::read(r#"{"type":"stop_streaming","x":1}"#), Ok(Asked::Stop));
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, rest: String) {
            let _ = Asked::read(&text);
            let _ = Asked::read(&format!(r#"{{"type":"start_streaming","filters":{rest}"#));
        }
    }
}
