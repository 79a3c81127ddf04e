//! The proxy through which a connector reaches its edges over TCP, and those that the environment names.

mod environment;

use std::fmt;
use std::io;
use std::str::FromStr;

use adit_wire::proxy_client::{
    MAX_ANSWER_BYTES, ProxyRefusal, decode_choice, decode_connected, decode_login_answer, decode_reply,
    encode_connect, encode_greeting, encode_login, encode_request,
};
use adit_wire::{Destination, ProxyLogin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub use environment::{EnvironmentProxies, UnusableProxy};

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

/// A proxy: `http://[USER:PASSWORD@]HOST:PORT` or `socks5://[USER:PASSWORD@]HOST:PORT`. Shown without its login.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboundProxy {
    kind: Kind,
    address: String,
    login: Option<ProxyLogin>,
}

/// The text is no proxy. Not quoted: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a proxy is http://[USER:PASSWORD@]HOST:PORT or socks5://[USER:PASSWORD@]HOST:PORT")]
pub struct OutboundProxyError;

/// Why a proxy did not lead to an edge.
#[derive(Debug, thiserror::Error)]
pub enum ThroughProxyError {
    /// The connection to it failed.
    #[error("the connection to the proxy failed")]
    Io(#[from] io::Error),
    /// It refused.
    #[error(transparent)]
    Refused(#[from] ProxyRefusal),
}

impl FromStr for OutboundProxy {
    type Err = OutboundProxyError;

    fn from_str(text: &str) -> Result<Self, OutboundProxyError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(OutboundProxyError)?;
        let kind = match scheme {
            "http" => Kind::Http,
            "socks5" | "socks5h" => Kind::Socks5,
            _ => return Err(OutboundProxyError),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, rest),
        };
        let login = match login {
            Some(login) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                Some(ProxyLogin {
                    user: decoded(user)?,
                    password: decoded(password)?,
                })
            }
            None => None,
        };
        let (host, port) = address.rsplit_once(':').ok_or(OutboundProxyError)?;
        let port = port.parse().ok().filter(|port| *port > 0);
        let known = port.and_then(|port| Destination::host(host, port));
        let bare_ipv6 = host.contains(':') && !host.starts_with('[');
        known.filter(|_| !bare_ipv6).ok_or(OutboundProxyError)?;
        Ok(Self {
            kind,
            address: address.to_owned(),
            login,
        })
    }
}

impl OutboundProxy {
    /// Where it is, `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it takes requests for plain HTTP as they are, with the whole URL for a target.
    #[must_use]
    pub fn takes_requests(&self) -> bool {
        self.kind == Kind::Http
    }

    /// The `Proxy-Authorization` of such requests. A credential.
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        self.login.as_ref().map(ProxyLogin::basic)
    }

    /// Makes a connection to the proxy one to `to`.
    ///
    /// # Errors
    /// [`ThroughProxyError`]
    pub async fn connect(
        &self,
        mut tcp: TcpStream,
        to: &Destination,
    ) -> Result<TcpStream, ThroughProxyError> {
        match self.kind {
            Kind::Http => {
                tcp.write_all(&encode_connect(to, self.login.as_ref())).await?;
                answered(&mut tcp, |bytes| {
                    Ok(decode_connected(bytes)?.map(|length| ((), length)))
                })
                .await?;
            }
            Kind::Socks5 => self.connect_socks(&mut tcp, to).await?,
        }
        Ok(tcp)
    }

    async fn connect_socks(&self, tcp: &mut TcpStream, to: &Destination) -> Result<(), ThroughProxyError> {
        let has_login = self.login.is_some();
        tcp.write_all(&encode_greeting(has_login)).await?;
        let wants_login = answered(tcp, |bytes| decode_choice(bytes, has_login)).await?;
        if let Some(login) = self.login.as_ref().filter(|_| wants_login) {
            tcp.write_all(&encode_login(login)?).await?;
            answered(tcp, |bytes| {
                Ok(decode_login_answer(bytes)?.map(|length| ((), length)))
            })
            .await?;
        }
        tcp.write_all(&encode_request(to)).await?;
        answered(tcp, |bytes| Ok(decode_reply(bytes)?.map(|length| ((), length)))).await
    }
}

impl fmt::Display for OutboundProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}", self.address)
    }
}

impl fmt::Debug for OutboundProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Reads one answer and not a byte more: what follows is the edge's.
async fn answered<T>(
    tcp: &mut TcpStream,
    decode: impl Fn(&[u8]) -> Result<Option<(T, usize)>, ProxyRefusal>,
) -> Result<T, ThroughProxyError> {
    let mut seen = Vec::new();
    while seen.len() <= MAX_ANSWER_BYTES {
        seen.push(tcp.read_u8().await?);
        if let Some((answer, _length)) = decode(&seen)? {
            return Ok(answer);
        }
    }
    Err(ProxyRefusal::Malformed.into())
}

/// `%40` is an at sign.
fn decoded(text: &str) -> Result<String, OutboundProxyError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()];
                let value = digits.map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
                let [Some(high), Some(low)] = value else {
                    return Err(OutboundProxyError);
                };
                u8::try_from(high * 16 + low).map_err(|_| OutboundProxyError)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| OutboundProxyError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_and_shown_without_their_login() {
        let proxy: OutboundProxy = "http://me:se%40cret@proxy.example:3128/".parse().unwrap();
        assert_eq!(proxy.address(), "proxy.example:3128");
        assert_eq!(proxy.login.as_ref().unwrap().password, "se@cret");
        assert_eq!(
            format!("{proxy} {proxy:?}"),
            "http://proxy.example:3128 http://proxy.example:3128"
        );
        for good in ["socks5://[::1]:1080", "socks5h://10.0.0.1:1080", "http://a:b@c:1"] {
            assert!(good.parse::<OutboundProxy>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "proxy:3128",
            "https://a:1",
            "http://a",
            "http://a:0",
            "http://::1:80",
            "http://%zz@a:1",
        ] {
            assert_eq!(bad.parse::<OutboundProxy>(), Err(OutboundProxyError), "{bad}");
        }
    }
}
