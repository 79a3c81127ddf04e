//! Where a forwarder listens: `--url`.

use std::net::Ipv6Addr;

/// Schemes that may stand before the address. They mean nothing.
const SCHEMES: [&str; 6] = ["http", "https", "rdp", "ssh", "smb", "tcp"];

/// Reads `HOST:PORT` or a URL that holds it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<(String, u16), String> {
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => rest,
        Some((scheme, _)) => {
            return Err(format!(
                "nothing listens for {scheme}://; the address is HOST:PORT"
            ));
        }
        None => text,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let address = match authority.strip_prefix('[') {
        Some(rest) => rest
            .split_once("]:")
            .filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok()),
        None => authority
            .rsplit_once(':')
            .filter(|(host, _)| !host.contains([':', '@'])),
    };
    let (host, port) = address
        .filter(|(host, _)| !host.is_empty())
        .ok_or_else(|| format!("{text:?} is not the HOST:PORT to listen on"))?;
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits => Ok((host.to_owned(), number)),
        _ => Err(format!("{port:?} is no port")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_may_have_a_scheme() {
        for (text, host, port) in [
            ("127.0.0.1:2222", "127.0.0.1", 2222),
            ("localhost:0", "localhost", 0),
            ("ssh://localhost:22/", "localhost", 22),
            ("TCP://[::1]:3389", "::1", 3389),
        ] {
            assert_eq!(parse(text), Ok((host.to_owned(), port)));
        }
        for bad in [
            "",
            "127.0.0.1",
            ":22",
            "::1:22",
            "foo://a:1",
            "a:99999",
            "a:+1",
            "a:ssh",
            "[x]:1",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
