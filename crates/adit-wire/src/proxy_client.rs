//! The client's half of going through a proxy: HTTP CONNECT (RFC 9110, section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929).
//!
//! Encoders give what to send. Decoders take what has come so far and answer `Ok(None)` while something is missing; else
//! how many bytes the answer took.

use crate::destination::{Destination, ProxyLogin};
use crate::socks::VERSION;

/// The longest answer of a proxy, bytes.
pub const MAX_ANSWER_BYTES: usize = 8 * 1024;
const MAX_HEADERS: usize = 64;
const NO_LOGIN: u8 = 0;
const USER_PASSWORD: u8 = 2;

/// Why a proxy does not lead on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyRefusal {
    /// It answers something else than its protocol.
    #[error("this is no such proxy")]
    Malformed,
    /// HTTP: it refused.
    #[error("the proxy answers with status {0}")]
    Status(u16),
    /// It wants a user name and a password, or others than those.
    #[error("the proxy does not take the user name and password, or wants some")]
    Login,
    /// SOCKS5: it could not, for the reason of that code.
    #[error("the proxy could not connect: {}", socks_words(*.0))]
    Socks(u8),
    /// A user name or password of more than 255 bytes.
    #[error("the user name or the password is too long for SOCKS5")]
    LongLogin,
}

/// How many bytes an answer took; `None` while something is missing.
type Answered = Result<Option<usize>, ProxyRefusal>;

/// Asks an HTTP proxy for a way to `to`.
#[must_use]
pub fn encode_connect(to: &Destination, login: Option<&ProxyLogin>) -> Vec<u8> {
    let mut head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some(login) = login {
        head.push_str(&format!("Proxy-Authorization: {}\r\n", login.basic()));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Reads the answer to [`encode_connect`].
///
/// # Errors
/// [`ProxyRefusal`]
pub fn decode_connected(bytes: &[u8]) -> Answered {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    match answer.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => match answer.code {
            Some(200..=299) => Ok(Some(length)),
            Some(407) => Err(ProxyRefusal::Login),
            Some(code) => Err(ProxyRefusal::Status(code)),
            None => Err(ProxyRefusal::Malformed),
        },
        Ok(httparse::Status::Partial) if bytes.len() < MAX_ANSWER_BYTES => Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => Err(ProxyRefusal::Malformed),
    }
}

/// Greets a SOCKS5 proxy.
#[must_use]
pub fn encode_greeting(has_login: bool) -> Vec<u8> {
    match has_login {
        true => vec![VERSION, 2, NO_LOGIN, USER_PASSWORD],
        false => vec![VERSION, 1, NO_LOGIN],
    }
}

/// Reads the answer to [`encode_greeting`]: whether the proxy wants the login, and how many bytes that took.
///
/// # Errors
/// [`ProxyRefusal`]
pub fn decode_choice(bytes: &[u8], has_login: bool) -> Result<Option<(bool, usize)>, ProxyRefusal> {
    match bytes {
        [] | [VERSION] => Ok(None),
        [VERSION, NO_LOGIN, ..] => Ok(Some((false, 2))),
        [VERSION, USER_PASSWORD, ..] if has_login => Ok(Some((true, 2))),
        [VERSION, 0xff, ..] => Err(ProxyRefusal::Login),
        _ => Err(ProxyRefusal::Malformed),
    }
}

/// Shows a SOCKS5 proxy the login.
///
/// # Errors
/// If one of the texts is longer than 255 bytes.
pub fn encode_login(login: &ProxyLogin) -> Result<Vec<u8>, ProxyRefusal> {
    let mut bytes = vec![1];
    for text in [&login.user, &login.password] {
        bytes.push(u8::try_from(text.len()).map_err(|_| ProxyRefusal::LongLogin)?);
        bytes.extend(text.as_bytes());
    }
    Ok(bytes)
}

/// Reads the answer to [`encode_login`].
///
/// # Errors
/// [`ProxyRefusal`]
pub fn decode_login_answer(bytes: &[u8]) -> Answered {
    match bytes {
        [] | [_] => Ok(None),
        [_, 0, ..] => Ok(Some(2)),
        [..] => Err(ProxyRefusal::Login),
    }
}

/// Asks a SOCKS5 proxy for a way to `to`; names are for the proxy to look up.
#[must_use]
pub fn encode_request(to: &Destination) -> Vec<u8> {
    let mut bytes = vec![VERSION, 1, 0];
    match to {
        Destination::Address(address) => match address.ip() {
            std::net::IpAddr::V4(ip) => {
                bytes.push(1);
                bytes.extend(ip.octets());
            }
            std::net::IpAddr::V6(ip) => {
                bytes.push(4);
                bytes.extend(ip.octets());
            }
        },
        Destination::Host(name, _) => {
            bytes.push(3);
            // A host name has at most 253 bytes.
            bytes.push(u8::try_from(name.as_str().len()).unwrap_or(u8::MAX));
            bytes.extend(name.as_str().as_bytes());
        }
    }
    bytes.extend(to.port().to_be_bytes());
    bytes
}

/// Reads the answer to [`encode_request`].
///
/// # Errors
/// [`ProxyRefusal`]
pub fn decode_reply(bytes: &[u8]) -> Answered {
    let [version, code, rest @ ..] = bytes else {
        return Ok(None);
    };
    if *version != VERSION {
        return Err(ProxyRefusal::Malformed);
    }
    if *code != 0 {
        return Err(ProxyRefusal::Socks(*code));
    }
    let [_reserved, kind, rest @ ..] = rest else {
        return Ok(None);
    };
    let address = match (kind, rest.first()) {
        (1, _) => 4,
        (4, _) => 16,
        (3, None) => return Ok(None),
        (3, Some(length)) => 1 + usize::from(*length),
        (_, _) => return Err(ProxyRefusal::Malformed),
    };
    let length = 4 + address + 2;
    Ok((bytes.len() >= length).then_some(length))
}

/// The codes of RFC 1928, section 6.
const fn socks_words(code: u8) -> &'static str {
    match code {
        2 => "it is not allowed",
        3 => "the network cannot be reached",
        4 => "the host cannot be reached",
        5 => "the host refused",
        6 => "nobody answered in time",
        7 => "it serves no such command",
        8 => "it serves no such addresses",
        _ => "it failed",
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::http_connect::{Wanted, decode_proxy_request};
    use crate::socks::{self, Command, Reply};

    fn any_destination() -> impl Strategy<Value = Destination> {
        prop_oneof![
            (any::<[u8; 4]>(), 1_u16..).prop_map(|(ip, port)| Destination::address(ip.into(), port)),
            (any::<[u8; 16]>(), 1_u16..).prop_map(|(ip, port)| Destination::address(ip.into(), port)),
            ("[a-z]{1,20}\\.[a-z]{2,10}", 1_u16..)
                .prop_map(|(name, port)| Destination::Host(name.parse().unwrap(), port)),
        ]
    }

    fn any_login() -> impl Strategy<Value = ProxyLogin> {
        ("[a-z]{1,20}", "[ -~]{1,40}").prop_map(|(user, password)| ProxyLogin { user, password })
    }

    proptest! {
        #[test]
        fn what_is_asked_is_what_a_proxy_reads(to in any_destination(), login in proptest::option::of(any_login())) {
            let (asked, length) = decode_proxy_request(&encode_connect(&to, login.as_ref())).unwrap().unwrap();
            prop_assert_eq!(length, encode_connect(&to, login.as_ref()).len());
            prop_assert_eq!(asked.wants, Wanted::Destination(to.clone()));
            prop_assert_eq!(asked.login, login.clone());
            let (request, _) = socks::decode_request(&encode_request(&to)).unwrap().unwrap();
            prop_assert_eq!(request.command, Command::Connect);
            prop_assert_eq!(request.destination, to);
            let (offered, _) = socks::decode_greeting(&encode_greeting(login.is_some())).unwrap().unwrap();
            prop_assert_eq!(offered, login.is_some());
            if let Some(login) = login {
                let (shown, _) = socks::decode_login(&encode_login(&login).unwrap()).unwrap().unwrap();
                prop_assert_eq!(shown, login);
            }
        }

        #[test]
        fn a_reply_cut_anywhere_is_waited_for(ip: [u8; 16], six: bool, port: u16, at: prop::sample::Index) {
            let ip = if six { ip.into() } else { std::net::IpAddr::from([ip[0], ip[1], ip[2], ip[3]]) };
            let reply = socks::encode_reply(Reply::Succeeded, SocketAddr::new(ip, port));
            prop_assert_eq!(decode_reply(&reply[..at.index(reply.len())]), Ok(None));
            prop_assert_eq!(decode_reply(&reply), Ok(Some(reply.len())));
        }

        #[test]
        fn no_answer_panics(bytes: Vec<u8>, has_login: bool) {
            let _ = decode_connected(&bytes);
            let _ = decode_choice(&bytes, has_login);
            let _ = decode_login_answer(&bytes);
            let _ = decode_reply(&bytes);
        }
    }

    #[test]
    fn refusals_are_told_in_words() {
        let refused = decode_connected(b"HTTP/1.1 403 Forbidden\r\n\r\n");
        assert_eq!(refused, Err(ProxyRefusal::Status(403)));
        let login = decode_connected(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        assert_eq!(login, Err(ProxyRefusal::Login));
        assert_eq!(decode_connected(b"HTTP/1.1 200 OK\r\n"), Ok(None));
        assert_eq!(decode_connected(b"HTTP/1.1 200 OK\r\n\r\n"), Ok(Some(19)));
        assert_eq!(
            decode_connected(&[b'a'; MAX_ANSWER_BYTES + 1]),
            Err(ProxyRefusal::Malformed)
        );
        assert_eq!(decode_choice(&[VERSION, 0xff], true), Err(ProxyRefusal::Login));
        assert_eq!(
            decode_choice(&[VERSION, USER_PASSWORD], false),
            Err(ProxyRefusal::Malformed)
        );
        let reply = decode_reply(&[VERSION, 5]);
        assert_eq!(
            reply.unwrap_err().to_string(),
            "the proxy could not connect: the host refused"
        );
    }
}
