//! What the look at the edges is told.

use adit_connector::Prechecks;

use crate::personality::Personality;

/// Where the stock client's API is when nobody says otherwise.
const STOCK_API: &str = "api.cloudflare.com:443";

/// The API matters to whoever expects the stock client; a connector of Adit's does without one unless it is named.
pub(super) fn prechecks(personality: Personality, api_url: Option<&str>, discovered: bool) -> Prechecks {
    let named = api_url.and_then(address);
    let api = match personality {
        Personality::Adit => named,
        Personality::Cloudflared => named.or_else(|| Some(STOCK_API.to_owned())),
    };
    Prechecks {
        program: personality.program().to_owned(),
        api,
        discovered,
    }
}

/// `host:port` of a URL.
fn address(url: &str) -> Option<String> {
    let url: http::Uri = url.parse().ok()?;
    let port = url.port_u16().or_else(|| match url.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    })?;
    Some(format!("{}:{port}", url.host()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_the_named_one_else_the_stock_clients_and_for_adit_none() {
        let api = |personality, url| prechecks(personality, url, false).api;
        let named = Some("http://[::1]:8787/client/v4");
        for personality in [Personality::Adit, Personality::Cloudflared] {
            assert_eq!(api(personality, named).as_deref(), Some("[::1]:8787"));
        }
        let secure = Some("https://api.adit.example/client/v4");
        assert_eq!(
            api(Personality::Adit, secure).as_deref(),
            Some("api.adit.example:443")
        );
        assert_eq!(api(Personality::Adit, None), None);
        assert_eq!(api(Personality::Cloudflared, None).as_deref(), Some(STOCK_API));
    }
}
