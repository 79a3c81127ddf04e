//! Host names in the one form that routes are looked up by.

use std::{borrow::Borrow, fmt, str::FromStr};

/// A host name in canonical form: lower case, ASCII (punycode), no port, no trailing dot, at most 253 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hostname(String);

/// Why a text is not a host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostnameError {
    /// Nothing in it.
    #[error("the host name is empty")]
    Empty,
    /// Longer than 253 bytes, or a label longer than 63.
    #[error("the host name is too long")]
    TooLong,
    /// A label that is empty or has characters no host name has.
    #[error("the host name has an invalid label")]
    BadLabel,
    /// A `*` anywhere but as the whole first label.
    #[error("a wildcard must be the whole first label, as in *.example.com")]
    BadWildcard,
}

impl Hostname {
    /// Reads the authority of a request: `Example.COM:8080`, `example.com.`, `bücher.example`.
    ///
    /// # Errors
    /// Says what keeps it from being a host name. IP literals in brackets are refused as [`HostnameError::BadLabel`].
    pub fn from_authority(authority: &str) -> Result<Self, HostnameError> {
        let host = match authority.rsplit_once(':') {
            // One digit more than the highest port has makes it none.
            Some((host, port)) if port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()) => {
                if port.parse::<u16>().is_err() && !port.is_empty() {
                    return Err(HostnameError::BadLabel);
                }
                host
            }
            _ => authority,
        };
        Self::parse(host)
    }

    fn parse(host: &str) -> Result<Self, HostnameError> {
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.is_empty() {
            return Err(HostnameError::Empty);
        }
        let canonical = if host.is_ascii() {
            host.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(host).map_err(|_| HostnameError::BadLabel)?
        };
        check(&canonical)?;
        Ok(Self(canonical))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This name and each name above it: `a.b.c`, `b.c`, `c`.
    pub fn ancestry(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |name| {
            name.split_once('.').map(|(_, rest)| rest)
        })
    }

    /// True if `other` is this name or ends with it at a label's border.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.ancestry().any(|name| name == self.as_str())
    }

    /// The name `label` directly below this one.
    ///
    /// # Errors
    /// As [`Hostname::from_str`].
    pub fn child(&self, label: &str) -> Result<Self, HostnameError> {
        Self::parse(&format!("{label}.{self}"))
    }
}

fn check(name: &str) -> Result<(), HostnameError> {
    if name.len() > 253 {
        return Err(HostnameError::TooLong);
    }
    for label in name.split('.') {
        if label.len() > 63 {
            return Err(HostnameError::TooLong);
        }
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if label.is_empty() || !label.bytes().all(fits) {
            return Err(HostnameError::BadLabel);
        }
    }
    Ok(())
}

impl FromStr for Hostname {
    type Err = HostnameError;

    fn from_str(text: &str) -> Result<Self, HostnameError> {
        Self::parse(text)
    }
}

impl Borrow<str> for Hostname {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host name, or every name below one: `shop.example.com` or `*.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// That name alone.
    Exact(Hostname),
    /// Every name that ends in `.` and this one, at any depth; not the name itself.
    Below(Hostname),
}

impl HostPattern {
    /// The name itself, or the one that the wildcard stands above.
    #[must_use]
    pub const fn base(&self) -> &Hostname {
        match self {
            Self::Exact(name) | Self::Below(name) => name,
        }
    }

    /// True if a request for `host` is meant.
    #[must_use]
    pub fn matches(&self, host: &Hostname) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Below(base) => base != host && base.covers(host),
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostnameError;

    fn from_str(text: &str) -> Result<Self, HostnameError> {
        match text.strip_prefix("*.") {
            Some(base) if base.contains('*') => Err(HostnameError::BadWildcard),
            Some(base) => Ok(Self::Below(base.parse()?)),
            None if text.contains('*') => Err(HostnameError::BadWildcard),
            None => Ok(Self::Exact(text.parse()?)),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Below(base) => write!(f, "*.{base}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_authority_becomes_its_canonical_host_name() {
        for (authority, host) in [
            ("Shop.Example.COM", "shop.example.com"),
            ("shop.example.com.", "shop.example.com"),
            ("shop.example.com:8080", "shop.example.com"),
            ("shop.example.com.:8080", "shop.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("_acme.example", "_acme.example"),
        ] {
            assert_eq!(Hostname::from_authority(authority).unwrap().as_str(), host);
        }
        for bad in [
            "",
            ".",
            "a..b",
            "a b",
            "[::1]:80",
            "a/b",
            "ex*mple.com",
            ":80",
            "a:b:c",
        ] {
            assert!(Hostname::from_authority(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_means_every_depth_below_but_not_itself() {
        let pattern: HostPattern = "*.example.com".parse().unwrap();
        let host = |name: &str| name.parse::<Hostname>().unwrap();
        assert!(pattern.matches(&host("a.example.com")));
        assert!(pattern.matches(&host("a.b.example.com")));
        assert!(!pattern.matches(&host("example.com")));
        assert!(!pattern.matches(&host("badexample.com")));
        assert_eq!("a.*.com".parse::<HostPattern>(), Err(HostnameError::BadWildcard));
    }

    proptest! {
        #[test]
        fn no_authority_panics_and_a_good_one_is_stable(text in ".{0,300}") {
            if let Ok(host) = Hostname::from_authority(&text) {
                prop_assert_eq!(host.as_str().parse::<Hostname>().unwrap(), host);
            }
        }
    }
}
