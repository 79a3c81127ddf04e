//! Ingress rules: a first line with a host, a second one with a path, then the JSON of a configuration. The lines are
//! tried as parts of a rule too.
#![no_main]

use adit_core::ingress::{HostMatch, Ingress, PathMatch, Service};
use adit_fuzz::bounded;

/// What the rules of one configuration may hold, whatever their patterns are.
const MOST_BYTES: usize = 64 << 20;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let host = lines.next().unwrap_or_default();
    let path = lines.next().unwrap_or_default();
    let json = lines.next().unwrap_or_default();
    bounded(MOST_BYTES, || {
        parts(host, path);
        if let Ok(ingress) = Ingress::from_json(json.as_bytes()) {
            written_alike(&ingress);
            first_match_wins(&ingress, host, path);
        }
    });
});

fn parts(host: &str, text: &str) {
    if let Ok(hosts) = HostMatch::parse(host) {
        assert_eq!(HostMatch::parse(&hosts.to_string()), Ok(hosts));
    }
    for service in [Service::parse(text), Service::from_url_flag(text)]
        .into_iter()
        .flatten()
    {
        assert_eq!(Service::parse(&service.to_string()), Ok(service));
    }
    if let Ok(pattern) = PathMatch::parse(text, 1) {
        assert_eq!(pattern.as_str(), text);
    }
}

fn written_alike(ingress: &Ingress) {
    let array = ingress.to_json();
    let config = format!(r#"{{"ingress":{array}}}"#);
    let back = Ingress::from_json(config.as_bytes()).expect("what was written reads back");
    assert_eq!(back.to_json(), array);
    assert_eq!(back.rules().count(), ingress.rules().count());
    for (rule, back) in ingress.rules().zip(back.rules()) {
        assert_eq!(
            (&rule.hostname, &rule.service, &rule.origin_request),
            (&back.hostname, &back.service, &back.origin_request)
        );
    }
}

fn first_match_wins(ingress: &Ingress, host: &str, path: &str) {
    let matched = ingress.find(host, path);
    let last = ingress.rules().count() - 1;
    assert!(matched.index <= last);
    // Neither a port nor escapes are here to be taken off, so a rule can be asked directly.
    if !host.contains(':') && !path.contains('%') {
        for (at, rule) in ingress.rules().enumerate().take(matched.index + 1) {
            assert_eq!(rule.matches(host, path), at == matched.index);
        }
    }
}
