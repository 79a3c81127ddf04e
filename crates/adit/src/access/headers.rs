//! What a forwarder says of itself and for its user.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, HOST, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
        USER_AGENT,
    },
};

/// The handshake's own: nobody else sets them.
const OF_THE_HANDSHAKE: [HeaderName; 6] = [
    CONNECTION,
    HOST,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    UPGRADE,
];
const CLIENT_ID: HeaderName = HeaderName::from_static("cf-access-client-id");
const CLIENT_SECRET: HeaderName = HeaderName::from_static("cf-access-client-secret");
const JUMP_DESTINATION: HeaderName = HeaderName::from_static("cf-access-jump-destination");

/// What the command line says for the request.
pub(super) struct Said<'a> {
    /// `Name: value`, several of them with commas between as the stock client takes them.
    pub(super) headers: &'a [String],
    pub(super) token_id: Option<&'a str>,
    /// A credential.
    pub(super) token_secret: Option<&'a str>,
    /// Where a bastion is to connect.
    pub(super) destination: Option<&'a str>,
    pub(super) user_agent: &'a str,
}

/// The headers of the request, without those of the handshake.
///
/// # Errors
/// Names the one that cannot be a header. A credential is not quoted.
pub(super) fn headers(said: &Said<'_>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for text in said.headers.iter().flat_map(|text| several(text)) {
        // As the stock client has it: what has no colon is no header.
        let Some((name, value)) = text.split_once(':') else {
            continue;
        };
        let name = HeaderName::from_bytes(name.trim().as_bytes())
            .map_err(|_| format!("{:?} is no name of a header", name.trim()))?;
        let value = HeaderValue::from_str(value.trim())
            .map_err(|_| format!("the header {name} has characters that none may have"))?;
        if !OF_THE_HANDSHAKE.contains(&name) && !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
    for (name, value) in [
        (CLIENT_ID, said.token_id),
        (CLIENT_SECRET, said.token_secret),
        (USER_AGENT, Some(said.user_agent)),
        (
            JUMP_DESTINATION,
            said.destination.filter(|value| !value.is_empty()),
        ),
    ] {
        if let Some(value) = value {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| format!("what {name} is to say has characters that no header may have"))?;
            value.set_sensitive(name == CLIENT_SECRET);
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

/// `A: 1,B: 2` are two; `Accept: a, b` is one, because no header begins after its comma.
fn several(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(comma) = text
        .get(at..)
        .and_then(|rest| rest.find(','))
        .map(|found| at + found)
    {
        at = comma + 1;
        let rest = text.get(at..).unwrap_or_default();
        let begins = rest.split([':', ',']).next().is_some_and(|name| {
            let is_name = HeaderName::from_bytes(name.trim().as_bytes()).is_ok();
            is_name && rest.get(name.len()..).is_some_and(|more| more.starts_with(':'))
        });
        if begins {
            found.extend(text.get(start..comma));
            start = at;
        }
    }
    found.extend(text.get(start..));
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(texts: &[&str]) -> Result<HeaderMap, String> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        headers(&Said {
            headers: &texts,
            token_id: Some("id"),
            token_secret: Some("secret"),
            destination: Some(""),
            user_agent: "adit",
        })
    }

    #[test]
    fn headers_are_taken_as_they_are_said() {
        let got = said(&[
            "X-One: 1,X-Two:2",
            "Accept: a, b",
            "nothing",
            "x-one: again",
            "Upgrade: h2c",
        ])
        .unwrap();
        assert_eq!(
            (&got["x-one"], &got["x-two"]),
            (&"1".parse().unwrap(), &"2".parse().unwrap())
        );
        assert_eq!(got["accept"], "a, b");
        assert_eq!(got["cf-access-client-id"], "id");
        assert!(got["cf-access-client-secret"].is_sensitive());
        assert_eq!(got.len(), 6, "{got:?}");
        assert!(said(&["bad name: 1"]).unwrap_err().contains("bad name"));
    }

    proptest! {
        #[test]
        fn no_header_panics_or_loses_text(text in "[a-c:, ]{0,20}") {
            prop_assert_eq!(several(&text).join(","), text.clone());
            let _ = said(&[&text]);
        }
    }
}
