//! Where Adit's own web pages come from: the only ones that may ask the management host.

use anyhow::Context;
use http::Uri;
use tokio::net::TcpListener;

use crate::{config::Settings, environment::reachable_here};

/// Origins of pages of the API's listener: what it listens on, and what it is said to be outside.
pub(super) fn origins(settings: &Settings, api: &TcpListener) -> anyhow::Result<Vec<String>> {
    let address = api.local_addr().context("a listener does not know its address")?;
    let public = settings.api_public_url.as_ref();
    let public = public.and_then(|url| origin_of(&url.0));
    Ok([format!("http://{}", reachable_here(address))]
        .into_iter()
        .chain(public)
        .collect())
}

/// The origin of a URL as browsers write it: RFC 6454, section 6.2.
fn origin_of(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let (scheme, host) = (url.scheme_str()?, url.host()?.to_ascii_lowercase());
    let default = match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    };
    Some(match url.port_u16().filter(|port| Some(*port) != default) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_neither_path_nor_default_port() {
        for (url, origin) in [
            ("https://API.example.com:443/x", "https://api.example.com"),
            ("http://10.0.0.1:8787", "http://10.0.0.1:8787"),
        ] {
            assert_eq!(origin_of(url).as_deref(), Some(origin));
        }
        assert_eq!(origin_of("/x"), None);
    }
}
