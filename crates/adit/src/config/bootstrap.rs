//! Credentials that automation sets before the first start.

use std::{ffi::OsString, fmt};

use adit_model::AccountId;

use super::ConfigError;

/// What the first start uses instead of generated values.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Bootstrap {
    /// `ADIT_BOOTSTRAP_API_TOKEN`: the API token of the first account.
    pub(crate) api_token: Option<String>,
    /// `ADIT_BOOTSTRAP_EMAIL` and `ADIT_BOOTSTRAP_API_KEY`: a user and their global key.
    pub(crate) user: Option<(String, String)>,
    /// `ADIT_BOOTSTRAP_ACCOUNT_ID`: the first account's id.
    pub(crate) account_id: Option<AccountId>,
}

impl Bootstrap {
    /// Reads the variables. Empty ones count as not set.
    ///
    /// # Errors
    /// [`ConfigError::BadValue`] names the variable and never quotes it.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let text = |name: &str| match variable(name)
            .filter(|value| !value.is_empty())
            .map(OsString::into_string)
        {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err(bad(name, "its value is not UTF-8")),
        };
        let api_token = text(TOKEN)?;
        if api_token.as_deref().is_some_and(|token| !is_api_token(token)) {
            return Err(bad(
                TOKEN,
                "an API token has 40 to 80 letters, digits, `_` or `-`",
            ));
        }
        let user = match (text(EMAIL)?, text(KEY)?) {
            (None, None) => None,
            (Some(email), Some(key)) => {
                if !email.contains('@') {
                    return Err(bad(EMAIL, "not an email address"));
                }
                if !(32..=64).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    return Err(bad(KEY, "a key has 32 to 64 letters and digits"));
                }
                Some((email, key))
            }
            (Some(_), None) => return Err(bad(EMAIL, "needs ADIT_BOOTSTRAP_API_KEY beside it")),
            (None, Some(_)) => return Err(bad(KEY, "needs ADIT_BOOTSTRAP_EMAIL beside it")),
        };
        let account_id = match text(ACCOUNT)? {
            Some(id) => Some(
                id.parse()
                    .map_err(|_| bad(ACCOUNT, "an account id has 32 hexadecimal digits"))?,
            ),
            None => None,
        };
        Ok(Self {
            api_token,
            user,
            account_id,
        })
    }
}

const TOKEN: &str = "ADIT_BOOTSTRAP_API_TOKEN";
const EMAIL: &str = "ADIT_BOOTSTRAP_EMAIL";
const KEY: &str = "ADIT_BOOTSTRAP_API_KEY";
const ACCOUNT: &str = "ADIT_BOOTSTRAP_ACCOUNT_ID";

fn bad(name: &str, problem: &str) -> ConfigError {
    ConfigError::BadValue {
        origin: name.to_owned(),
        problem: problem.to_owned(),
    }
}

fn is_api_token(text: &str) -> bool {
    (40..=80).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

impl fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bootstrap")
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Bootstrap, ConfigError> {
        Bootstrap::read(|name| {
            pairs
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn all_four_variables_are_read() {
        let token = "t".repeat(40);
        let account = "699d98642c564d2e855e9661899b7252";
        let key = "144c9defac04969c7bfad8efaa8ea194";
        let bootstrap = read(&[
            (TOKEN, &token),
            (EMAIL, "user@example.com"),
            (KEY, key),
            (ACCOUNT, account),
        ])
        .unwrap();
        assert_eq!(bootstrap.api_token, Some(token));
        assert_eq!(
            bootstrap.user,
            Some(("user@example.com".to_owned(), key.to_owned()))
        );
        assert_eq!(bootstrap.account_id.unwrap().to_string(), account);
        assert_eq!(read(&[(TOKEN, "")]).unwrap(), Bootstrap::default());
    }

    #[test]
    fn a_bad_one_is_named_but_not_quoted() {
        for (pairs, name) in [
            (vec![(TOKEN, "short-secret")], TOKEN),
            (vec![(EMAIL, "user@example.com")], EMAIL),
            (vec![(KEY, "144c9defac04969c7bfad8efaa8ea194")], KEY),
            (vec![(EMAIL, "user@example.com"), (KEY, "k k")], KEY),
            (vec![(ACCOUNT, "zz")], ACCOUNT),
        ] {
            let message = read(&pairs).unwrap_err().to_string();
            assert!(message.starts_with(name), "{message}");
            assert!(
                !message.contains("short-secret") && !message.contains("144c"),
                "{message}"
            );
        }
    }
}
