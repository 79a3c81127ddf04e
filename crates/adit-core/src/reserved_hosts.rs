//! The host names that Adit keeps for itself.

use adit_model::{HostPattern, Hostname, HostnameError};

/// The management hosts of stock connectors that nobody has told another one.
/// Source: cloudflare/cloudflared: credentials/credentials.go, cmd/cloudflared/tunnel/cmd.go.
const STOCK_MANAGEMENT: [&str; 2] = ["management.argotunnel.com", "management.fed.argotunnel.com"];

/// `api.<domain>`, `management.<domain>`, and the names that connectors take for the latter if nobody tells them. A
/// connector serves its management interface to any request with that Host, so no public request may reach a tunnel
/// with one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedHosts([Hostname; 4]);

impl ReservedHosts {
    /// Those of this base domain.
    ///
    /// # Errors
    /// [`HostnameError::TooLong`] if the domain leaves no room for them.
    pub fn of_domain(domain: &Hostname) -> Result<Self, HostnameError> {
        let [stock, special] = STOCK_MANAGEMENT.map(str::parse);
        Ok(Self([
            domain.child("api")?,
            domain.child("management")?,
            stock?,
            special?,
        ]))
    }

    /// `api.<domain>`
    #[must_use]
    pub const fn api(&self) -> &Hostname {
        let [api, ..] = &self.0;
        api
    }

    /// `management.<domain>`, which the edge serves itself.
    #[must_use]
    pub const fn management(&self) -> &Hostname {
        let [_, management, ..] = &self.0;
        management
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
        assert!(refused("management.argotunnel.com") && !refused("*.argotunnel.com"));
        assert!(!refused("*.example.com") && !refused("x.api.example.com") && !refused("example.com"));
    }
}
