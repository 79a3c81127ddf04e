//! The request that opens a tunnel through an HTTP proxy: RFC 9110, section 9.3.6.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::destination::{Destination, ProxyLogin};

/// The longest head, bytes.
pub const MAX_HEAD_BYTES: usize = 8 * 1024;
const MAX_HEADERS: usize = 64;

/// What a client asks of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRequest {
    /// Where it wants to go by CONNECT.
    pub wants: Wanted,
    /// What it shows.
    pub login: Option<ProxyLogin>,
}

/// Where a client wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// There.
    Destination(Destination),
    /// To something that is neither an address nor a name with a port.
    Nowhere,
    /// It asks for something else than CONNECT.
    AnotherMethod,
}

/// What is no request to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyRequestError {
    /// More than [`MAX_HEAD_BYTES`], or too many headers.
    #[error("the request's head is too large")]
    TooLarge,
    /// No HTTP.
    #[error("not an HTTP request")]
    Malformed,
}

/// Reads the head of a request, and from how many bytes; `None` while some of it is missing.
///
/// # Errors
/// [`ProxyRequestError`]
pub fn decode_proxy_request(bytes: &[u8]) -> Result<Option<(ProxyRequest, usize)>, ProxyRequestError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD_BYTES => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD_BYTES => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(ProxyRequestError::TooLarge),
        Err(_) => return Err(ProxyRequestError::Malformed),
    };
    let wants = match (request.method, request.path) {
        (Some("CONNECT"), Some(target)) => authority(target).map_or(Wanted::Nowhere, Wanted::Destination),
        _ => Wanted::AnotherMethod,
    };
    let mut shown = request
        .headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("proxy-authorization"));
    let login = shown.next().and_then(|header| basic(header.value));
    // Of two, nobody can tell which is meant.
    let login = login.filter(|_| shown.next().is_none());
    Ok(Some((ProxyRequest { wants, login }, length)))
}

/// `host:port`, an IPv6 address in brackets.
fn authority(target: &str) -> Option<Destination> {
    let (host, port) = target.rsplit_once(':')?;
    let is_port = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = is_port.then(|| port.parse().ok()).flatten()?;
    let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
    (!is_bare_ipv6).then(|| Destination::host(host, port)).flatten()
}

/// The credentials of the scheme Basic: RFC 7617.
fn basic(value: &[u8]) -> Option<ProxyLogin> {
    let (scheme, text) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let text = BASE64_STANDARD.decode(text.trim_ascii()).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(ProxyLogin {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> ProxyRequest {
        let (request, length) = decode_proxy_request(text.as_bytes()).unwrap().unwrap();
        assert_eq!(length, text.len());
        request
    }

    #[test]
    fn a_connect_with_credentials_is_read() {
        let request = read(
            "CONNECT db.internal:5432 HTTP/1.1\r\nHost: db.internal:5432\r\nProxy-Authorization: Basic cHJvZDphOmI=\r\n\r\n",
        );
        let login = ProxyLogin {
            user: "prod".to_owned(),
            password: "a:b".to_owned(),
        };
        assert_eq!(request.login, Some(login));
        let destination = Destination::Host("db.internal".parse().unwrap(), 5432);
        assert_eq!(request.wants, Wanted::Destination(destination));
    }

    #[test]
    fn targets_that_lead_nowhere_are_told() {
        let wants = |target: &str| read(&format!("CONNECT {target} HTTP/1.1\r\n\r\n")).wants;
        let six = Destination::Address("[fd00::1]:22".parse().unwrap());
        assert_eq!(wants("[fd00::1]:22"), Wanted::Destination(six));
        for bad in [
            "fd00::1:22",
            "a",
            "a:",
            "a:65536",
            "a:+1",
            ":1",
            "http://a:1",
            "a..b:1",
            "[a]:1",
        ] {
            assert_eq!(wants(bad), Wanted::Nowhere, "{bad}");
        }
        assert_eq!(
            read("GET http://a/ HTTP/1.1\r\n\r\n").wants,
            Wanted::AnotherMethod
        );
    }

    #[test]
    fn credentials_of_another_scheme_or_two_of_them_are_none() {
        for headers in [
            "Proxy-Authorization: Bearer x\r\n",
            "Proxy-Authorization: Basic !\r\n",
            "Proxy-Authorization: Basic YQ==\r\n",
            "Proxy-Authorization: Basic\r\n",
            "Authorization: Basic YTpi\r\n",
            "Proxy-Authorization: Basic YTpi\r\nproxy-authorization: Basic YTpi\r\n",
        ] {
            let request = read(&format!("CONNECT a:1 HTTP/1.1\r\n{headers}\r\n"));
            assert_eq!(request.login, None, "{headers}");
        }
    }

    #[test]
    fn heads_have_a_largest_size() {
        let head = format!("CONNECT a:1 HTTP/1.1\r\nx: {}", "a".repeat(MAX_HEAD_BYTES));
        assert_eq!(
            decode_proxy_request(&head.as_bytes()[..MAX_HEAD_BYTES - 1]),
            Ok(None)
        );
        assert_eq!(
            decode_proxy_request(head.as_bytes()),
            Err(ProxyRequestError::TooLarge)
        );
        let many = format!(
            "CONNECT a:1 HTTP/1.1\r\n{}\r\n",
            "x: y\r\n".repeat(MAX_HEADERS + 1)
        );
        assert_eq!(
            decode_proxy_request(many.as_bytes()),
            Err(ProxyRequestError::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn a_head_cut_anywhere_is_waited_for(user in "[a-z]{0,20}", password in "[ -~]{0,40}", port: u16) {
            let shown = BASE64_STANDARD.encode(format!("{user}:{password}"));
            let text = format!("CONNECT 10.0.0.1:{port} HTTP/1.1\r\nProxy-Authorization: basic {shown}\r\n\r\n");
            for cut in 0..text.len() {
                prop_assert_eq!(decode_proxy_request(&text.as_bytes()[..cut]), Ok(None));
            }
            prop_assert_eq!(read(&text).login, Some(ProxyLogin { user, password }));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = decode_proxy_request(&bytes);
            let _ = decode_proxy_request(&[b"CONNECT ", &bytes[..]].concat());
        }
    }
}
