//! How each kind of value is read from text.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use adit_model::{AccountId, Hostname, Location};
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::duration::{BadDuration, GoDuration};

/// A kind of value. The problem is told without the key, which the caller adds.
pub(super) trait Setting: Sized {
    /// Reads the text of a flag, a variable or a file's value.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value of a key that nobody set and that has no default; `None` if it must be set.
    fn unset() -> Option<Self> {
        None
    }
}

impl<T: Setting> Setting for Option<T> {
    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(T::parse)
            .collect()
    }
}

impl Setting for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Err("a path is needed".to_owned())
        } else {
            Ok(Self::from(text))
        }
    }
}

impl Setting for Hostname {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error| format!("{text:?} is not a host name: {error}"))
    }
}

impl Setting for Location {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{text:?}: {error}"))
    }
}

impl Setting for AccountId {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error| format!("{text:?} is not an account id: {error}"))
    }
}

impl Setting for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| format!("{text:?} is not an address and port such as 127.0.0.1:8080"))
    }
}

impl Setting for IpNet {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .or_else(|_| text.parse().map(|address: std::net::IpAddr| Self::from(address)))
            .map_err(|_| format!("{text:?} is not a network such as 10.0.0.0/8"))
    }
}

impl Setting for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        }
    }
}

impl Setting for u32 {
    fn parse(text: &str) -> Result<Self, String> {
        match text.replace('_', "").parse() {
            Ok(0) | Err(_) => Err(format!("{text:?} is not a whole number from 1 to {}", Self::MAX)),
            Ok(number) => Ok(number),
        }
    }
}

impl Setting for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map(|GoDuration(time)| time)
            .map_err(|error: BadDuration| format!("{text:?} {error}"))
    }
}

/// How long a stop may take; at most three minutes, as in the stock client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GracePeriod(pub(crate) Duration);

impl GracePeriod {
    /// The longest one.
    pub(crate) const MAX: Duration = Duration::from_secs(180);
}

impl Setting for GracePeriod {
    fn parse(text: &str) -> Result<Self, String> {
        let time = Duration::parse(text)?;
        if time > Self::MAX {
            Err(format!("{text:?} is longer than 3m"))
        } else {
            Ok(Self(time))
        }
    }
}

/// A number of bytes: `1048576`, `64KiB`, `512MiB`, `2GiB`; `KB`, `MB`, `GB` are powers of ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

impl Setting for ByteSize {
    fn parse(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is not a size such as 65536 or 512MiB");
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '_')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end).ok_or_else(problem)?;
        let factor: u64 = match unit.trim() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "KB" | "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(problem()),
        };
        let number: u64 = number.replace('_', "").parse().map_err(|_| problem())?;
        number.checked_mul(factor).map(Self).ok_or_else(problem)
    }
}

/// A host (name or address) and a port that someone else will dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort(pub(crate) String);

impl Setting for HostPort {
    fn parse(text: &str) -> Result<Self, String> {
        let fits = text.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_unspecified())
            || text.rsplit_once(':').is_some_and(|(host, port)| {
                host.parse::<Hostname>().is_ok() && port.parse::<u16>().is_ok_and(|port| port != 0)
            } && text.parse::<SocketAddr>().is_err());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is not a host and port such as edge.example.com:7844"
            ))
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An `http` or `https` URL without query, kept without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl(pub(crate) String);

impl Setting for PublicUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let uri: Option<http::Uri> = text.parse().ok();
        let fits = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.authority().is_some()
                && uri.query().is_none()
        });
        if fits {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(format!("{text:?} is not a URL such as https://api.example.com"))
        }
    }
}

impl PublicUrl {
    /// Whether no other machine is meant: a loopback address, or a name under `localhost`.
    pub(crate) fn leads_to_loopback(&self) -> bool {
        let uri: Option<http::Uri> = self.0.parse().ok();
        uri.is_some_and(|uri| {
            let host = uri.host().unwrap_or_default().to_ascii_lowercase();
            let address = host.trim_start_matches('[').trim_end_matches(']');
            let address = address.parse::<std::net::IpAddr>();
            address.map_or_else(
                |_| host == "localhost" || host.ends_with(".localhost"),
                |address| address.is_loopback(),
            )
        })
    }
}

/// What is logged: a level, or directives per target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directives(pub(crate) String);

impl Directives {
    /// Reads a level or directives.
    ///
    /// # Errors
    /// Says what would be right.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl Setting for Directives {
    fn parse(text: &str) -> Result<Self, String> {
        // The parser cuts texts at bytes, which panics within a letter that has several.
        let sound = text.is_ascii() && (text.contains('[') || text.split(',').all(is_directive));
        let parsed = sound.then(|| EnvFilter::builder().parse(text));
        match parsed {
            Some(Ok(_)) if !text.trim().is_empty() => Ok(Self(text.to_owned())),
            _ => Err(format!(
                "{text:?} is neither a level (error, warn, info, debug, trace) nor directives"
            )),
        }
    }
}

/// `target=level` or a level. A bare target is not meant: a misspelt level would silence everything else.
fn is_directive(item: &str) -> bool {
    let level = item.rsplit_once('=').map_or(item, |(_, level)| level).trim();
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    levels.iter().any(|known| known.eq_ignore_ascii_case(level))
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Setting for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is neither text nor json")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_size_has_binary_or_decimal_units() {
        for (text, bytes) in [
            ("65536", 65_536),
            ("64KiB", 65_536),
            ("2MB", 2_000_000),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(ByteSize::parse(text), Ok(ByteSize(bytes)));
        }
        for bad in ["", "KiB", "1TiB", "-1", "99999999999GiB"] {
            assert!(ByteSize::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_advertised_address_can_be_dialled() {
        for good in [
            "127.0.0.1:7844",
            "[::1]:7844",
            "edge.example.com:7844",
            "localhost:1",
        ] {
            assert!(HostPort::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "0.0.0.0:7844",
            "[::]:1",
            "edge.example.com",
            ":1",
            "a:0",
            "a:65536",
            "a b:1",
        ] {
            assert!(HostPort::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn directives_are_levels_perhaps_of_a_target() {
        assert!(Directives::parse("info,adit_edge=debug").is_ok());
        for bad in ["", " ", "loud", "loud=", "adit=loud", "0¡["] {
            assert!(Directives::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_public_url_tells_whether_it_leads_to_this_machine_alone() {
        let leads = |url: &str| PublicUrl::parse(url).unwrap().leads_to_loopback();
        for here in [
            "http://127.0.0.1:8787",
            "https://[::1]",
            "http://LOCALHOST/x",
            "http://api.localhost:1",
        ] {
            assert!(leads(here), "{here}");
        }
        for elsewhere in [
            "https://api.example",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://notlocalhost",
        ] {
            assert!(!leads(elsewhere), "{elsewhere}");
        }
    }

    proptest! {
        #[test]
        fn no_directive_panics(text in "[a-z0-9=,:\\[\\]{}\"/. -]{0,40}") {
            let _ = Directives::parse(&text);
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = (Duration::parse(&text), ByteSize::parse(&text), HostPort::parse(&text), PublicUrl::parse(&text));
            let _ = (Directives::parse(&text), Vec::<IpNet>::parse(&text));
        }
    }
}
