//! One rule: host name and path to service.

use std::fmt;

use adit_model::Hostname;
use regex::{Regex, RegexBuilder};

use super::{IngressError, OriginRequest, Service};

/// What compiled path patterns are taken to hold, bytes: the smallest of these that fits. The last one is the most.
const PATTERN_BYTES: [usize; 3] = [8 << 10, 64 << 10, 1 << 20];
/// The most that all patterns of one configuration may hold, bytes: 2048 plain ones, or 256 with Unicode classes.
const MAX_PATTERNS_BYTES: usize = 16 << 20;
/// What matching may add to a pattern, bytes. Beyond it matching becomes slower, not larger.
const MATCHING_BYTES: usize = 64 << 10;

/// Host name and path to service.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which host names.
    pub hostname: HostMatch,
    /// Which paths; `None` for all.
    pub path: Option<PathMatch>,
    /// Where to.
    pub service: Service,
    /// How; defaults of the configuration are merged in.
    pub origin_request: OriginRequest,
}

impl Rule {
    /// Whether the rule takes a request. `host` has no port, `path` is decoded.
    #[must_use]
    pub fn matches(&self, host: &str, path: &str) -> bool {
        self.hostname.matches(host) && self.path.as_ref().is_none_or(|pattern| pattern.matches(path))
    }

    /// Whether the rule takes every request.
    #[must_use]
    pub fn matches_everything(&self) -> bool {
        matches!(self.hostname, HostMatch::Any | HostMatch::Star) && self.path.is_none()
    }
}

/// Which host names a rule takes. Compared as they are, without lower-casing, and in punycode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMatch {
    /// No host name is given: all.
    Any,
    /// `*`: all.
    Star,
    /// Exactly this one.
    Exact {
        /// As written.
        name: String,
        /// In punycode, where that differs.
        punycode: Option<String>,
    },
    /// `*.x`: every name that ends in `.x`, however many labels before it, not `x` itself.
    Below {
        /// `.x` as written.
        suffix: String,
        /// `.x` in punycode, where that differs.
        punycode: Option<String>,
    },
}

impl HostMatch {
    /// Reads the host name of a rule.
    ///
    /// # Errors
    /// [`IngressError`] for a port or a wildcard that is not at the start.
    pub fn parse(text: &str) -> Result<Self, IngressError> {
        if text.contains(':') {
            return Err(IngressError::HostnameHasPort);
        }
        match text {
            "" => return Ok(Self::Any),
            "*" => return Ok(Self::Star),
            _ => {}
        }
        let Some(suffix) = text.strip_prefix('*') else {
            if text.contains('*') {
                return Err(IngressError::BadWildcard);
            }
            return Ok(Self::exact(text));
        };
        if suffix.contains('*') {
            return Err(IngressError::BadWildcard);
        }
        if !suffix.starts_with('.') {
            // Such as `*a.example`, which `cloudflared` takes for the name of one host.
            return Ok(Self::exact(text));
        }
        Ok(Self::Below {
            suffix: suffix.to_owned(),
            punycode: punycode(suffix.trim_start_matches('.')).map(|name| format!(".{name}")),
        })
    }

    fn exact(text: &str) -> Self {
        Self::Exact {
            name: text.to_owned(),
            punycode: punycode(text),
        }
    }

    /// Whether `host`, which has no port, is one of them.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let either = |written: &str, punycode: &Option<String>, test: fn(&str, &str) -> bool| {
            test(host, written) || punycode.as_deref().is_some_and(|name| test(host, name))
        };
        match self {
            Self::Any | Self::Star => true,
            Self::Exact { name, punycode } => either(name, punycode, |host, name| host == name),
            Self::Below { suffix, punycode } => {
                either(suffix, punycode, |host, suffix| host.ends_with(suffix))
            }
        }
    }
}

impl fmt::Display for HostMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Star => f.write_str("*"),
            Self::Exact { name, .. } => f.write_str(name),
            Self::Below { suffix, .. } => write!(f, "*{suffix}"),
        }
    }
}

/// The name in punycode, if it has characters that need it.
fn punycode(name: &str) -> Option<String> {
    if name.is_ascii() {
        return None;
    }
    Hostname::from_authority(name)
        .ok()
        .map(|host| host.as_str().to_owned())
}

/// A regular expression that is searched for anywhere in the path.
///
/// The dialect is Rust's `regex`, which like Go's RE2 has no look-around and runs in linear time.
#[derive(Clone, Debug)]
pub struct PathMatch(Regex);

impl PathMatch {
    /// Compiles the path of the rule whose place is `number`, from 1.
    ///
    /// # Errors
    /// [`IngressError::BadPath`] if it does not compile within a mebibyte.
    pub fn parse(text: &str, number: usize) -> Result<Self, IngressError> {
        Self::parse_within(text, number, &mut PatternBudget::default())
    }

    /// The same for one of several patterns, which share what they may hold.
    pub(super) fn parse_within(
        text: &str,
        number: usize,
        budget: &mut PatternBudget,
    ) -> Result<Self, IngressError> {
        let bad = |reason: String| IngressError::BadPath { number, reason };
        let mut refusal = String::new();
        for bytes in PATTERN_BYTES {
            match compile(text, bytes) {
                Ok(regex) => {
                    budget.take(bytes).map_err(bad)?;
                    return Ok(Self(regex));
                }
                Err(regex::Error::CompiledTooBig(_)) => refusal = "it takes more than 1 MiB".to_owned(),
                Err(error) => return Err(bad(in_one_line(&error, text))),
            }
        }
        Err(bad(refusal))
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// The compiler's reason without the picture it draws.
fn in_one_line(error: &regex::Error, pattern: &str) -> String {
    let drawn = error.to_string();
    let reason = drawn.lines().next_back().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    format!("{reason}: `{pattern}`")
}

fn compile(text: &str, bytes: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .size_limit(bytes)
        .dfa_size_limit(MATCHING_BYTES)
        .build()
}

/// What the path patterns of one configuration may still hold: a rule of 40 bytes can name one of a mebibyte.
pub(super) struct PatternBudget(usize);

impl Default for PatternBudget {
    fn default() -> Self {
        Self(MAX_PATTERNS_BYTES)
    }
}

impl PatternBudget {
    fn take(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.0.checked_sub(bytes);
        self.0 = left.ok_or("the patterns of all rules take more than 16 MiB together")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn misplaced_wildcards_and_ports_are_refused() {
        for text in ["a.*.example", "example.*", "**.example", "*.a.*"] {
            assert_eq!(HostMatch::parse(text), Err(IngressError::BadWildcard), "{text}");
        }
        let odd = HostMatch::parse("*a.example").unwrap();
        assert!(odd.matches("*a.example") && !odd.matches("xa.example"));
        assert_eq!(
            HostMatch::parse("a.example:80"),
            Err(IngressError::HostnameHasPort)
        );
    }

    #[test]
    fn a_broken_or_huge_pattern_names_its_rule() {
        assert!(matches!(
            PathMatch::parse("(", 3),
            Err(IngressError::BadPath { number: 3, .. })
        ));
        assert!(matches!(
            PathMatch::parse("(.{999}){999}", 1),
            Err(IngressError::BadPath { .. })
        ));
    }

    #[test]
    fn what_is_wrong_with_a_pattern_fits_in_a_line() {
        let refused = PathMatch::parse("a(", 2).unwrap_err().to_string();
        assert_eq!(
            refused,
            "Rule #2 has an invalid regex: error parsing regexp: unclosed group: `a(`"
        );
    }

    #[test]
    fn many_patterns_share_what_they_may_hold() {
        let compiled = |pattern: &str| {
            let mut budget = PatternBudget::default();
            (1..5000)
                .take_while(|number| PathMatch::parse_within(pattern, *number, &mut budget).is_ok())
                .count()
        };
        assert_eq!(compiled("^/api/v[0-9]+"), 2048);
        assert_eq!(compiled(r"\w+"), 256);
        assert_eq!(compiled(".{999}"), 16);
    }

    #[test]
    fn matching_long_paths_stays_right_beyond_its_memory() {
        let pattern = PathMatch::parse("(a|b)*a(a|b){11}c", 1).unwrap();
        assert!(pattern.matches(&format!("/{}c", "abbab".repeat(2000))));
        assert!(!pattern.matches(&"abbab".repeat(2000)));
    }

    proptest! {
        #[test]
        fn a_wildcard_takes_what_ends_in_its_suffix_and_nothing_else(host in "[a-z.]{0,20}", suffix in "[a-z]{1,5}") {
            let pattern = HostMatch::parse(&format!("*.{suffix}")).unwrap();
            prop_assert_eq!(pattern.matches(&host), host.ends_with(&format!(".{suffix}")));
        }

        #[test]
        fn no_input_panics(text in ".{0,30}", host in ".{0,30}") {
            if let Ok(pattern) = HostMatch::parse(&text) {
                let _ = pattern.matches(&host);
            }
        }
    }
}
