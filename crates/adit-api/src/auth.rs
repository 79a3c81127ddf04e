//! Who asks, and in which account that counts.

mod credential;

use std::net::IpAddr;

use adit_core::port::{Actor, ApiToken, LoginCredential, StoreError};
use adit_model::AccountId;
use http::request::Parts;
use tracing::warn;

use crate::{observe::RequestContext, state::ApiState};

/// Why a request is not let in. Never holds the credential.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("no credential")]
    NoCredential,
    #[error("the Authorization header is not a bearer token")]
    BadAuthorization,
    #[error("the X-Auth-Email header is not an address")]
    BadEmail,
    #[error("the X-Auth-Key header is not a key")]
    BadKey,
    #[error("unknown API token")]
    UnknownToken,
    #[error("unknown email address or key")]
    UnknownKey,
    #[error("the credential is not for this account")]
    ForeignAccount,
    #[error("the API token is not valid")]
    NotVerified,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who asks.
#[derive(Debug)]
pub(crate) struct Caller {
    credential: LoginCredential,
    /// The same for the audit log.
    pub(crate) actor: Actor,
}

impl Caller {
    /// Finds out who asks. A refusal is logged here, once.
    pub(crate) async fn of(parts: &Parts, state: &ApiState) -> Result<Self, AuthError> {
        let context = parts
            .extensions
            .get::<RequestContext>()
            .cloned()
            .unwrap_or_default();
        match identify(parts, state).await {
            Ok(credential) => {
                let name = match &credential {
                    LoginCredential::Token(token) => format!("token:{}", token.id),
                    LoginCredential::User { email } => format!("user:{email}"),
                };
                context.set_actor(&name);
                let request_id = context.id().to_owned();
                Ok(Self {
                    credential,
                    actor: Actor {
                        name,
                        address: context.address(),
                        request_id,
                    },
                })
            }
            Err(error) => {
                log_refusal(&error, None, context.address());
                Err(error)
            }
        }
    }

    /// The account whose zones and accounts the caller sees; `None` if all.
    pub(crate) const fn only_account(&self) -> Option<AccountId> {
        match &self.credential {
            LoginCredential::Token(token) => Some(token.account),
            LoginCredential::User { .. } => None,
        }
    }

    /// The API token the caller came with, if it was one.
    pub(crate) const fn token(&self) -> Option<&ApiToken> {
        match &self.credential {
            LoginCredential::Token(token) => Some(token),
            LoginCredential::User { .. } => None,
        }
    }

    /// Whether the caller may act in this account. A refusal is logged here, once.
    pub(crate) fn may_act_in(&self, account: AccountId) -> Result<(), AuthError> {
        match self.only_account() {
            Some(own) if own != account => Err(self.refuse()),
            _ => Ok(()),
        }
    }

    /// What a caller hears of an account that is foreign or, for all it may know, does not exist.
    pub(crate) fn refuse(&self) -> AuthError {
        let error = AuthError::ForeignAccount;
        log_refusal(&error, Some(&self.actor.name), self.actor.address);
        error
    }
}

async fn identify(parts: &Parts, state: &ApiState) -> Result<LoginCredential, AuthError> {
    let presented = credential::presented(&parts.headers)?;
    let unknown = credential::unknown(&presented);
    state.catalog.authenticate(presented).await?.ok_or(unknown)
}

fn log_refusal(error: &AuthError, actor: Option<&str>, address: Option<IpAddr>) {
    match error {
        // Our own fault; logged where it becomes a 500.
        AuthError::Store(_) => {}
        AuthError::NoCredential
        | AuthError::BadAuthorization
        | AuthError::BadEmail
        | AuthError::BadKey
        | AuthError::UnknownToken
        | AuthError::UnknownKey
        | AuthError::ForeignAccount
        | AuthError::NotVerified => {
            warn!(actor, client.address = address.map(display), reason = %error, "authentication failed");
        }
    }
}
