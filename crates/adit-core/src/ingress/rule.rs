//! One rule: host name and path to service.

use std::fmt;

use adit_model::Hostname;
use regex::{Regex, RegexBuilder};

use super::{IngressError, OriginRequest, Service};

/// The most memory one compiled path pattern may take, bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

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
    /// [`IngressError`] for a port or a misplaced wildcard.
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
                return Err(IngressError::BadWildcard(text.to_owned()));
            }
            return Ok(Self::Exact {
                name: text.to_owned(),
                punycode: punycode(text),
            });
        };
        if suffix.contains('*') || !suffix.starts_with('.') || suffix.len() < 2 {
            return Err(IngressError::BadWildcard(text.to_owned()));
        }
        Ok(Self::Below {
            suffix: suffix.to_owned(),
            punycode: punycode(suffix.trim_start_matches('.')).map(|name| format!(".{name}")),
        })
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
        let built = RegexBuilder::new(text).size_limit(MAX_PATTERN_BYTES).build();
        built.map(Self).map_err(|error| IngressError::BadPath {
            number,
            reason: error.to_string(),
        })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn misplaced_wildcards_and_ports_are_refused() {
        for text in ["a.*.example", "*a.example", "**.example", "*.a.*", "*."] {
            assert_eq!(
                HostMatch::parse(text),
                Err(IngressError::BadWildcard(text.to_owned()))
            );
        }
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
