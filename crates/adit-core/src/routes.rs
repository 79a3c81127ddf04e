//! Where a public host name goes.

use std::collections::HashMap;

use adit_model::{HostPattern, Hostname};

use crate::reserved_hosts::ReservedHosts;

/// What a host name leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Destination<'a, T> {
    /// A route.
    Route(&'a T),
    /// A name that Adit keeps for itself: no tunnel ever serves it.
    Reserved,
    /// No route.
    Unknown,
}

/// What belongs to host names: to the exact name first, then to the longest wildcard.
#[derive(Debug, Clone)]
pub struct HostMap<T> {
    exact: HashMap<Hostname, T>,
    below: HashMap<Hostname, T>,
}

impl<T> Default for HostMap<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            below: HashMap::new(),
        }
    }
}

impl<T> HostMap<T> {
    /// Sets or, with `None`, removes what belongs to a name or a wildcard.
    pub fn set(&mut self, pattern: HostPattern, value: Option<T>) {
        let (map, name) = match pattern {
            HostPattern::Exact(name) => (&mut self.exact, name),
            HostPattern::Below(name) => (&mut self.below, name),
        };
        match value {
            Some(value) => map.insert(name, value),
            None => map.remove(&name),
        };
    }

    /// What was set for just that name or wildcard.
    #[must_use]
    pub fn get(&self, pattern: &HostPattern) -> Option<&T> {
        match pattern {
            HostPattern::Exact(name) => self.exact.get(name),
            HostPattern::Below(name) => self.below.get(name),
        }
    }

    /// What belongs to a host name.
    #[must_use]
    pub fn lookup(&self, host: &Hostname) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        self.exact
            .get(host)
            .or_else(|| host.ancestry().skip(1).find_map(|above| self.below.get(above)))
    }

    /// How many names and wildcards there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exact.len() + self.below.len()
    }

    /// True without a single one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Public host names and where they lead. Immutable while it is read: the edge swaps in a changed copy.
#[derive(Debug, Clone)]
pub struct RouteTable<T> {
    routes: HostMap<T>,
    reserved: ReservedHosts,
}

impl<T> RouteTable<T> {
    /// An empty table.
    #[must_use]
    pub fn new(reserved: ReservedHosts) -> Self {
        Self {
            routes: HostMap::default(),
            reserved,
        }
    }

    /// Sets or, with `None`, removes a route.
    pub fn set(&mut self, pattern: HostPattern, route: Option<T>) {
        self.routes.set(pattern, route);
    }

    /// Where a request for this host goes.
    #[must_use]
    pub fn lookup(&self, host: &Hostname) -> Destination<'_, T> {
        if self.reserved.contains(host) {
            return Destination::Reserved;
        }
        self.routes
            .lookup(host)
            .map_or(Destination::Unknown, Destination::Route)
    }

    /// How many routes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// True without a single route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Hostname {
        name.parse().unwrap()
    }

    fn table() -> RouteTable<u8> {
        let mut table = RouteTable::new(ReservedHosts::of_domain(&host("example.com")).unwrap());
        for (pattern, route) in [("a.example.com", 1), ("*.example.com", 2), ("*.b.example.com", 3)] {
            table.set(pattern.parse().unwrap(), Some(route));
        }
        table
    }

    #[test]
    fn the_exact_name_wins_then_the_longest_wildcard() {
        let table = table();
        for (name, route) in [
            ("a.example.com", 1),
            ("c.example.com", 2),
            ("b.example.com", 2),
            ("x.b.example.com", 3),
            ("x.y.b.example.com", 3),
            ("x.a.example.com", 2),
        ] {
            assert_eq!(table.lookup(&host(name)), Destination::Route(&route), "{name}");
        }
        assert_eq!(table.lookup(&host("example.com")), Destination::Unknown);
    }

    #[test]
    fn no_wildcard_covers_a_reserved_name() {
        let table = table();
        assert_eq!(
            table.lookup(&host("management.example.com")),
            Destination::Reserved
        );
        assert_eq!(table.lookup(&host("api.example.com")), Destination::Reserved);
        assert_eq!(table.lookup(&host("x.api.example.com")), Destination::Route(&2));
    }

    #[test]
    fn a_removed_route_leads_nowhere() {
        let mut table = table();
        table.set("a.example.com".parse().unwrap(), None);
        assert_eq!(table.lookup(&host("a.example.com")), Destination::Route(&2));
        assert_eq!(table.len(), 2);
    }
}
