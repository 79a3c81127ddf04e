//! Who asks: credentials and whose they are.

use std::net::IpAddr;

use adit_model::{AccountId, ApiTokenId, Timestamp, UserId};
use async_trait::async_trait;

use super::StoreError;
use crate::permission::{AddressRule, Policy};

/// What a request proves itself with.
#[derive(Debug, Clone, Copy)]
pub enum ApiCredential<'a> {
    /// The value of an API token.
    Token(&'a str),
    /// An email address and its global key.
    Key {
        /// The address.
        email: &'a str,
        /// The key.
        key: &'a str,
    },
}

/// A user: whoever has an email address and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their address, in lower case.
    pub email: String,
}

/// To whom an API token belongs, and with whom it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenOwner {
    /// An account.
    Account(AccountId),
    /// A user.
    User(User),
    /// The operator of this installation: a token of the first account that also acts in the name of a user. The
    /// server makes it and keeps its value; calls do not change it.
    Operator {
        /// The first account.
        account: AccountId,
        /// In whose name it acts.
        user: User,
    },
}

/// An API token as the store knows it: never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// Its name.
    pub name: String,
    /// To whom it belongs.
    pub owner: TokenOwner,
    /// Whether somebody switched it off.
    pub disabled: bool,
    /// What it may do.
    pub policies: Vec<Policy>,
    /// From where.
    pub addresses: AddressRule,
    /// From when on, if not at once.
    pub not_before: Option<Timestamp>,
    /// Until when, if not for good.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed, or its value replaced.
    pub modified_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// How an API token fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    /// Good, or good from its first day on.
    Active,
    /// Switched off.
    Disabled,
    /// Past its last day.
    Expired,
}

/// Why an API token is not good now, or not from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Somebody switched it off.
    #[error("the API token is disabled")]
    Disabled,
    /// Its first day is to come.
    #[error("the API token is not valid yet")]
    NotYet,
    /// Its last day is past.
    #[error("the API token has expired")]
    Expired,
    /// It is not good from this address.
    #[error("the API token is not allowed from this address")]
    WrongAddress,
}

/// Who a credential belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginCredential {
    /// Whoever has a token.
    Token(Box<ApiToken>),
    /// A user, who may do everything in every account.
    User(User),
}

impl TokenOwner {
    /// The account that the token belongs to, if it is one.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(account) | Self::Operator { account, .. } => Some(*account),
            Self::User(_) => None,
        }
    }

    /// The user in whose name the token acts, if in one's.
    #[must_use]
    pub const fn user(&self) -> Option<&User> {
        match self {
            Self::Account(_) => None,
            Self::User(user) | Self::Operator { user, .. } => Some(user),
        }
    }
}

impl ApiToken {
    /// How it fares at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> TokenStatus {
        if self.disabled {
            TokenStatus::Disabled
        } else if self.expires_at.is_some_and(|end| end <= now) {
            TokenStatus::Expired
        } else {
            TokenStatus::Active
        }
    }

    /// Whether a request at `now` from `address` may use it.
    ///
    /// # Errors
    /// [`Unusable`] says why not.
    pub fn check(&self, now: Timestamp, address: Option<IpAddr>) -> Result<(), Unusable> {
        match self.status(now) {
            TokenStatus::Disabled => return Err(Unusable::Disabled),
            TokenStatus::Expired => return Err(Unusable::Expired),
            TokenStatus::Active => {}
        }
        if self.not_before.is_some_and(|start| start > now) {
            return Err(Unusable::NotYet);
        }
        if self.addresses.permits(address) {
            Ok(())
        } else {
            Err(Unusable::WrongAddress)
        }
    }
}

impl TokenStatus {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
        }
    }
}

/// Who asks.
#[async_trait]
pub trait Login: Send + Sync {
    /// Whose credential this is; `None` if nobody's. Compared by hash, in constant time. Whether a token is good at
    /// this time and from there is for [`ApiToken::check`] to say.
    async fn authenticate(
        &self,
        credential: ApiCredential<'_>,
    ) -> Result<Option<LoginCredential>, StoreError>;

    /// Notes that a token was used. Written down later and at most once a minute; dropped when too much is to be
    /// written.
    fn token_used(&self, token: &ApiToken);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ApiToken {
        let then = Timestamp::from_unix_micros(0).unwrap();
        ApiToken {
            id: ApiTokenId::random(),
            name: "ci".to_owned(),
            owner: TokenOwner::Account(AccountId::random()),
            disabled: false,
            policies: Vec::new(),
            addresses: AddressRule::default(),
            not_before: None,
            expires_at: None,
            created_at: then,
            modified_at: then,
            last_used_at: None,
        }
    }

    #[test]
    fn a_token_is_good_from_its_first_day_to_its_last() {
        let at = |second: i64| Timestamp::from_unix_micros(second * 1_000_000).unwrap();
        let bounded = ApiToken {
            not_before: Some(at(10)),
            expires_at: Some(at(20)),
            ..token()
        };
        assert_eq!(bounded.check(at(9), None), Err(Unusable::NotYet));
        assert_eq!(bounded.check(at(10), None), Ok(()));
        assert_eq!(bounded.check(at(20), None), Err(Unusable::Expired));
        assert_eq!(bounded.status(at(9)), TokenStatus::Active);
        let off = ApiToken {
            disabled: true,
            ..bounded
        };
        assert_eq!(off.check(at(30), None), Err(Unusable::Disabled));
    }

    #[test]
    fn a_token_is_good_from_its_addresses_only() {
        let now = Timestamp::from_unix_micros(0).unwrap();
        let bound = ApiToken {
            addresses: AddressRule {
                allowed: vec!["192.0.2.0/24".parse().unwrap()],
                denied: Vec::new(),
            },
            ..token()
        };
        assert_eq!(bound.check(now, Some(IpAddr::from([192, 0, 2, 1]))), Ok(()));
        assert_eq!(
            bound.check(now, Some(IpAddr::from([198, 51, 100, 1]))),
            Err(Unusable::WrongAddress)
        );
        assert_eq!(bound.check(now, None), Err(Unusable::WrongAddress));
    }
}
