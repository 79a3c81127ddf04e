//! The authority of a request, and the pattern of a route.
#![no_main]

use adit_fuzz::bounded;
use adit_model::{HostPattern, Hostname};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let authority = bounded(64 * 1024 + 64 * text.len(), || Hostname::from_authority(text));
    if let Ok(host) = authority {
        canonical(&host);
    }
    if let Ok(pattern) = text.parse::<HostPattern>() {
        patterned(&pattern);
    }
});

fn canonical(host: &Hostname) {
    let name = host.as_str();
    assert!((1..=253).contains(&name.len()));
    assert!(!name.contains(|c: char| !c.is_ascii() || c.is_ascii_uppercase() || c == ':' || c == '*'));
    assert!(name.split('.').all(|label| (1..=63).contains(&label.len())));
    for alike in [
        name.to_owned(),
        format!("{name}."),
        format!("{name}:65535"),
        name.to_uppercase(),
    ] {
        assert_eq!(Hostname::from_authority(&alike).as_ref(), Ok(host), "{alike}");
    }
    for above in host.ancestry() {
        let above: Hostname = above.parse().expect("what is above a name is a name");
        assert!(above.covers(host));
        assert_eq!(host.covers(&above), above == *host);
    }
}

fn patterned(pattern: &HostPattern) {
    assert_eq!(pattern.to_string().parse().as_ref(), Ok(pattern));
    canonical(pattern.base());
    let exact = matches!(pattern, HostPattern::Exact(_));
    assert_eq!(pattern.matches(pattern.base()), exact);
    if let Ok(below) = format!("x.{}", pattern.base()).parse::<Hostname>() {
        assert_eq!(pattern.matches(&below), !exact);
    }
}
