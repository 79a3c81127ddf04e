//! What an operator's host name means in a zone, which names nobody may take, and what a public route changes.

use adit_model::{HostPattern, Hostname, HostnameError, RecordId, TunnelId};

use crate::port::{DnsRecord, DnsRecordKind, NewDnsRecord, RecordSettings};

/// What follows a tunnel's id in the target of its records.
const TUNNEL_DOMAIN: &str = ".cfargotunnel.com";

/// The full name that an operator means by what was typed for a zone.
///
/// A name in the zone is taken as it is; any other is relative, even if it looks like one of another domain.
/// `@` is the zone itself and `*` everything below it. The result never leaves the zone.
///
/// # Errors
/// Says what keeps it from being a host name.
pub fn full_name(typed: &str, zone: &Hostname) -> Result<HostPattern, HostnameError> {
    match typed {
        "@" => return Ok(HostPattern::Exact(zone.clone())),
        "*" => return Ok(HostPattern::Below(zone.clone())),
        _ => {}
    }
    let pattern: HostPattern = typed.parse()?;
    if zone.covers(pattern.base()) {
        Ok(pattern)
    } else {
        format!("{pattern}.{zone}").parse()
    }
}

/// The target of a record that leads to a tunnel: `<tunnel id>.cfargotunnel.com`.
#[must_use]
pub fn tunnel_target(tunnel: TunnelId) -> String {
    format!("{tunnel}{TUNNEL_DOMAIN}")
}

/// The tunnel that a record's target leads to, in any case and with or without a trailing dot; `None` if it leads
/// elsewhere.
#[must_use]
pub fn target_tunnel(target: &str) -> Option<TunnelId> {
    let host = target.strip_suffix('.').unwrap_or(target).to_ascii_lowercase();
    host.strip_suffix(TUNNEL_DOMAIN)?.parse().ok()
}

/// What makes a host name a public route of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutePlan {
    /// Add this record.
    Create(NewDnsRecord),
    /// Let this record say that.
    Update(RecordId, NewDnsRecord),
    /// This record says so already.
    Unchanged(RecordId),
}

/// The host name leads elsewhere, and the caller did not allow to overwrite that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host name leads elsewhere")]
pub struct LeadsElsewhere;

/// Decides how `name` becomes a public route of `tunnel`, given the record that has the name now.
///
/// A record that leads to the tunnel but is not proxied is no route yet; it becomes one without `overwrite`.
///
/// # Errors
/// [`LeadsElsewhere`] if the record's target is another one and `overwrite` is not given.
pub fn plan_route(
    name: HostPattern,
    tunnel: TunnelId,
    existing: Option<&DnsRecord>,
    overwrite: bool,
) -> Result<RoutePlan, LeadsElsewhere> {
    let mut route = NewDnsRecord {
        kind: DnsRecordKind::Cname,
        name,
        content: tunnel_target(tunnel),
        proxied: true,
        ttl: 1,
        comment: String::new(),
        tags: Vec::new(),
        settings: RecordSettings::default(),
    };
    let Some(existing) = existing else {
        return Ok(RoutePlan::Create(route));
    };
    let same_target = existing.kind == DnsRecordKind::Cname && existing.content == route.content;
    if same_target && existing.proxied {
        return Ok(RoutePlan::Unchanged(existing.id));
    }
    if same_target || overwrite {
        route.comment.clone_from(&existing.comment);
        route.tags.clone_from(&existing.tags);
        route.settings = existing.settings;
        return Ok(RoutePlan::Update(existing.id, route));
    }
    Err(LeadsElsewhere)
}

#[cfg(test)]
mod tests {
    use adit_model::{Timestamp, ZoneId};
    use proptest::prelude::*;

    use super::*;

    fn host(name: &str) -> Hostname {
        name.parse().unwrap()
    }

    fn record(tunnel: TunnelId, proxied: bool) -> DnsRecord {
        let now = Timestamp::parse("2026-01-02T03:04:05Z").unwrap();
        DnsRecord {
            id: RecordId::random(),
            zone: ZoneId::random(),
            kind: DnsRecordKind::Cname,
            name: "shop.example.com".parse().unwrap(),
            content: tunnel_target(tunnel),
            proxied,
            ttl: 1,
            comment: "keep".to_owned(),
            tags: vec!["team:web".to_owned()],
            settings: RecordSettings::default(),
            comment_modified_at: None,
            tags_modified_at: Some(now),
            created_at: now,
            modified_at: now,
        }
    }

    #[test]
    fn a_typed_name_becomes_a_full_name_of_the_zone() {
        for (typed, full) in [
            ("shop", "shop.example.com"),
            ("shop.example.com", "shop.example.com"),
            ("Shop.Example.COM.", "shop.example.com"),
            ("a.b", "a.b.example.com"),
            ("example.com", "example.com"),
            ("@", "example.com"),
            ("*", "*.example.com"),
            ("*.shop", "*.shop.example.com"),
            ("*.example.com", "*.example.com"),
            ("shop.example.org", "shop.example.org.example.com"),
            ("badexample.com", "badexample.com.example.com"),
            ("*.com", "*.com.example.com"),
        ] {
            assert_eq!(
                full_name(typed, &host("example.com")).unwrap().to_string(),
                full,
                "{typed}"
            );
        }
        for bad in ["", "a..b", "a b", "a.*", "**", "a/b", &"a.".repeat(125)] {
            assert!(full_name(bad, &host("example.com")).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_target_leads_back_to_its_tunnel() {
        let tunnel = TunnelId::random();
        assert_eq!(target_tunnel(&tunnel_target(tunnel)), Some(tunnel));
        assert_eq!(target_tunnel("shop.example.com"), None);
        assert_eq!(target_tunnel("x.cfargotunnel.com"), None);
    }

    #[test]
    fn a_route_is_created_kept_or_replaced() {
        let (mine, other) = (TunnelId::random(), TunnelId::random());
        let name: HostPattern = "shop.example.com".parse().unwrap();
        let plan =
            |existing: Option<&DnsRecord>, overwrite| plan_route(name.clone(), mine, existing, overwrite);
        assert!(matches!(plan(None, false), Ok(RoutePlan::Create(new)) if new.proxied && new.ttl == 1));
        let kept = record(mine, true);
        assert_eq!(plan(Some(&kept), true), Ok(RoutePlan::Unchanged(kept.id)));
        let taken = record(other, true);
        assert_eq!(plan(Some(&taken), false), Err(LeadsElsewhere));
        let replaced = plan(Some(&taken), true).unwrap();
        assert!(matches!(replaced, RoutePlan::Update(id, new) if id == taken.id && new.comment == "keep"));
        let address = DnsRecord {
            kind: DnsRecordKind::A,
            content: "192.0.2.1".to_owned(),
            ..kept
        };
        assert_eq!(plan(Some(&address), false), Err(LeadsElsewhere));
    }

    #[test]
    fn an_unproxied_record_of_the_tunnel_becomes_a_route() {
        let mine = TunnelId::random();
        let grey = record(mine, false);
        let plan = plan_route(grey.name.clone(), mine, Some(&grey), false).unwrap();
        assert!(matches!(plan, RoutePlan::Update(id, new) if id == grey.id && new.proxied));
    }

    proptest! {
        #[test]
        fn no_typed_name_leaves_the_zone(typed in "[*@a-zA-Z0-9._ü-]{0,40}") {
            let zone = host("example.com");
            if let Ok(name) = full_name(&typed, &zone) {
                prop_assert!(zone.covers(name.base()));
            }
        }
    }
}
