//! The host names that Adit keeps for itself.

use adit_model::{HostPattern, Hostname, HostnameError};

/// `api.<domain>` and `management.<domain>`. A connector serves its management interface to any request with the
/// latter's Host, so no public request may reach a tunnel with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedHosts([Hostname; 2]);

impl ReservedHosts {
    /// The reserved names directly below the base domain.
    ///
    /// # Errors
    /// [`HostnameError::TooLong`] if the domain leaves no room for them.
    pub fn of_domain(domain: &Hostname) -> Result<Self, HostnameError> {
        Ok(Self([domain.child("api")?, domain.child("management")?]))
    }

    /// True for the reserved names themselves, not for those below them.
    #[must_use]
    pub fn contains(&self, host: &Hostname) -> bool {
        self.0.contains(host)
    }

    /// True if a record of that name is refused. A wildcard above a reserved name is not, and never covers it.
    #[must_use]
    pub fn refuse(&self, pattern: &HostPattern) -> bool {
        match pattern {
            HostPattern::Exact(name) => self.contains(name),
            HostPattern::Below(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_for_reserved_names_are_refused_and_wildcards_above_them_are_not() {
        let reserved = ReservedHosts::of_domain(&"example.com".parse().unwrap()).unwrap();
        let refused = |pattern: &str| reserved.refuse(&pattern.parse().unwrap());
        assert!(refused("api.example.com") && refused("management.example.com"));
        assert!(!refused("*.example.com") && !refused("x.api.example.com") && !refused("example.com"));
    }
}
