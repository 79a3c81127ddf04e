//! Who asks, and whether they may.

mod credential;

use std::{net::IpAddr, time::SystemTime};

use adit_core::{
    permission::{self, PermissionGroup, Reach, Target},
    port::{Actor, ApiToken, LoginCredential, StoreError, TokenOwner, Unusable, User},
};
use adit_model::{AccountId, Timestamp};
use http::request::Parts;
use tracing::warn;

use crate::{endpoint::Access, observe::RequestContext, state::ApiState};

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
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("unknown email address or key")]
    UnknownKey,
    #[error("the credential does not reach that far")]
    NotAllowed,
    #[error("the API token is not valid")]
    NotVerified,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who asks, with a good credential.
#[derive(Debug)]
pub(crate) struct Caller {
    credential: LoginCredential,
    /// What the call is declared to need; `None` if nothing is, and then nobody may make it.
    access: Option<Access>,
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
        match identify(parts, state, context.address()).await {
            Ok(credential) => {
                let (name, shown, email) = names(&credential);
                context.set_actor(&shown);
                let actor = Actor {
                    name,
                    email,
                    address: context.address(),
                    request_id: context.id().to_owned(),
                };
                let access = parts.extensions.get::<Access>().copied();
                Ok(Self {
                    credential,
                    access,
                    actor,
                })
            }
            Err(error) => {
                log_refusal(&error, None, context.address());
                Err(error)
            }
        }
    }

    /// The API token the caller came with, if it was one.
    pub(crate) fn token(&self) -> Option<&ApiToken> {
        match &self.credential {
            LoginCredential::Token(token) => Some(token),
            LoginCredential::User(_) => None,
        }
    }

    /// The user who asks, or in whose name a token does.
    pub(crate) fn user(&self) -> Option<&User> {
        match &self.credential {
            LoginCredential::Token(token) => token.owner.user(),
            LoginCredential::User(user) => Some(user),
        }
    }

    /// Whether they run this installation. They learn nothing new from hearing that something does not exist.
    pub(crate) fn is_operator(&self) -> bool {
        match &self.credential {
            LoginCredential::Token(token) => matches!(token.owner, TokenOwner::Operator { .. }),
            LoginCredential::User(_) => true,
        }
    }

    /// Whether the call's account exists because the credential could not otherwise: it goes with its account.
    pub(crate) fn belongs_to(&self, account: AccountId) -> bool {
        self.token().and_then(|token| token.owner.account()) == Some(account)
    }

    /// Whether the caller may make this call on `target`. A refusal is logged here, once.
    pub(crate) fn may_act_on(&self, target: Target) -> Result<(), AuthError> {
        let allowed = match self.access {
            None => false,
            Some(Access::Public | Access::Anyone) => true,
            Some(Access::Operator) => self.is_operator(),
            Some(Access::Groups(accepted)) => self.has(accepted, target),
        };
        if allowed { Ok(()) } else { Err(self.refuse()) }
    }

    /// Whether the caller may make this call at all, wherever it acts. A refusal is logged here, once.
    pub(crate) fn may_act(&self) -> Result<(), AuthError> {
        let allowed = match self.access {
            None => false,
            Some(Access::Public | Access::Anyone) => true,
            Some(Access::Operator) => self.is_operator(),
            Some(Access::Groups(accepted)) => !self.reach_of(accepted).is_empty(),
        };
        if allowed { Ok(()) } else { Err(self.refuse()) }
    }

    /// Whether the caller has one of these groups there.
    pub(crate) fn has(&self, accepted: &[PermissionGroup], target: Target) -> bool {
        match &self.credential {
            LoginCredential::Token(token) => permission::may(&token.policies, accepted, target),
            LoginCredential::User(_) => true,
        }
    }

    /// What the caller sees where this call lists accounts or zones.
    pub(crate) fn reach(&self) -> Reach {
        match self.access {
            Some(Access::Groups(accepted)) => self.reach_of(accepted),
            None | Some(Access::Public | Access::Anyone | Access::Operator) => Reach::These(Vec::new()),
        }
    }

    fn reach_of(&self, accepted: &[PermissionGroup]) -> Reach {
        match &self.credential {
            LoginCredential::Token(token) => Reach::of(&token.policies, accepted),
            LoginCredential::User(_) => Reach::Everything,
        }
    }

    /// What a caller hears of what is foreign or, for all it may know, does not exist.
    pub(crate) fn refuse(&self) -> AuthError {
        let error = AuthError::NotAllowed;
        log_refusal(&error, Some(&self.actor.name), self.actor.address);
        error
    }
}

/// The name of who asks for the audit log and for the access log, and the address.
fn names(credential: &LoginCredential) -> (String, String, Option<String>) {
    match credential {
        LoginCredential::Token(token) => {
            let name = format!("token:{}", token.id);
            let email = token.owner.user().map(|user| user.email.clone());
            (name.clone(), name, email)
        }
        LoginCredential::User(user) => (
            format!("user:{}", user.id),
            format!("user:{}", user.email),
            Some(user.email.clone()),
        ),
    }
}

async fn identify(
    parts: &Parts,
    state: &ApiState,
    address: Option<IpAddr>,
) -> Result<LoginCredential, AuthError> {
    let presented = credential::presented(&parts.headers)?;
    let unknown = credential::unknown(&presented);
    let found = state.catalog.authenticate(presented).await?.ok_or(unknown)?;
    if let LoginCredential::Token(token) = &found {
        token.check(Timestamp::from(SystemTime::now()), address)?;
        state.catalog.token_used(token);
    }
    Ok(found)
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
        | AuthError::Unusable(_)
        | AuthError::NotAllowed
        | AuthError::NotVerified => {
            warn!(actor, client.address = address.map(display), reason = %error, "authentication failed");
        }
    }
}
