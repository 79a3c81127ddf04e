//! What a request's headers prove, before anyone is asked whether it is true.

use adit_core::port::ApiCredential;
use http::{HeaderMap, HeaderName, header::AUTHORIZATION};

use super::AuthError;

const EMAIL: HeaderName = HeaderName::from_static("x-auth-email");
const KEY: HeaderName = HeaderName::from_static("x-auth-key");

/// Longer than any value a client of the v4 API has.
const MAX_SECRET: usize = 256;
/// The longest address that mail allows.
const MAX_EMAIL: usize = 254;

/// Reads the credential from the headers. Email and key win over a token, as the SDKs have it.
pub(super) fn presented(headers: &HeaderMap) -> Result<ApiCredential<'_>, AuthError> {
    if let (Some(email), Some(key)) = (headers.get(EMAIL), headers.get(KEY)) {
        let email = email
            .to_str()
            .ok()
            .filter(|email| is_email(email))
            .ok_or(AuthError::BadEmail)?;
        let key = key
            .to_str()
            .ok()
            .filter(|key| is_secret(key))
            .ok_or(AuthError::BadKey)?;
        return Ok(ApiCredential::Key { email, key });
    }
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        return Err(AuthError::NoCredential);
    };
    let token = authorization
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| is_secret(token))
        .ok_or(AuthError::BadAuthorization)?;
    Ok(ApiCredential::Token(token))
}

/// What to answer if nobody has that credential.
pub(super) const fn unknown(credential: &ApiCredential<'_>) -> AuthError {
    match credential {
        ApiCredential::Token(_) => AuthError::UnknownToken,
        ApiCredential::Key { .. } => AuthError::UnknownKey,
    }
}

fn is_secret(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=MAX_SECRET).contains(&text.len()) && text.bytes().all(fits)
}

fn is_email(text: &str) -> bool {
    let has_parts = text
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    has_parts && text.len() <= MAX_EMAIL && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        of.iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_bearer_token_or_an_email_with_a_key_is_a_credential() {
        let token = headers(&[("authorization", "bearer  abc_DEF-123 ")]);
        assert!(matches!(
            presented(&token),
            Ok(ApiCredential::Token("abc_DEF-123"))
        ));
        let both = headers(&[
            ("authorization", "Bearer abc"),
            ("x-auth-email", "user@example.com"),
            ("x-auth-key", "144c9defac04969c7bfad8efaa8ea194"),
        ]);
        let key = "144c9defac04969c7bfad8efaa8ea194";
        assert!(matches!(
            presented(&both),
            Ok(ApiCredential::Key { email: "user@example.com", key: k }) if k == key
        ));
    }

    #[test]
    fn a_malformed_header_is_named_and_a_missing_one_is_missing() {
        let long = format!("Bearer {}", "a".repeat(257));
        for bad in [
            "Bearer",
            "Bearer ",
            "Basic dXNlcg==",
            "abc",
            "Bearer a b",
            "Bearer a/b",
            &long,
        ] {
            let error = presented(&headers(&[("authorization", bad)])).unwrap_err();
            assert!(matches!(error, AuthError::BadAuthorization), "{bad}");
        }
        let email = headers(&[("x-auth-email", "user"), ("x-auth-key", "abc")]);
        assert!(matches!(presented(&email), Err(AuthError::BadEmail)));
        let key = headers(&[("x-auth-email", "u@example.com"), ("x-auth-key", "a b")]);
        assert!(matches!(presented(&key), Err(AuthError::BadKey)));
        for half in ["x-auth-email", "x-auth-key"] {
            assert!(matches!(
                presented(&headers(&[(half, "u@example.com")])),
                Err(AuthError::NoCredential)
            ));
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(authorization: Vec<u8>, email: Vec<u8>, key: Vec<u8>) {
            let mut headers = HeaderMap::new();
            for (name, value) in [(AUTHORIZATION, authorization), (EMAIL, email), (KEY, key)] {
                headers.extend(HeaderValue::from_bytes(&value).ok().map(|value| (name, value)));
            }
            let _ = presented(&headers);
        }

        #[test]
        fn every_token_of_the_v4_api_is_taken(token in "[A-Za-z0-9_-]{40,80}") {
            let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
            prop_assert!(matches!(presented(&headers), Ok(ApiCredential::Token(t)) if t == token));
        }
    }
}
