//! Failures of calls on accounts, API tokens and zones.

use adit_core::port::{AccountError, TokenError, ZoneError};
use http::StatusCode;

use super::{Problem, code};
use crate::{accounts::AccountRequestError, tokens::TokenRequestError, zones::ZoneRequestError};

impl Problem {
    fn not_found(text: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, text)
    }

    fn conflict(text: String) -> Self {
        Self::new(StatusCode::CONFLICT, code::CONFLICT, text)
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let text = error.to_string();
        match error {
            AccountError::NoAccount => Self::not_found(text),
            AccountError::First | AccountError::InUse(_) => Self::conflict(text),
            AccountError::Store(error) => error.into(),
        }
    }
}

impl From<AccountRequestError> for Problem {
    fn from(error: AccountRequestError) -> Self {
        match error {
            AccountRequestError::BadName => Self::invalid(error.to_string()).at("/name".to_owned()),
            AccountRequestError::Account(error) => error.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let text = error.to_string();
        match error {
            TokenError::NoToken => Self::not_found(text),
            TokenError::Changed | TokenError::Operators => Self::conflict(text),
            TokenError::Store(error) => error.into(),
        }
    }
}

impl From<TokenRequestError> for Problem {
    fn from(error: TokenRequestError) -> Self {
        match error {
            TokenRequestError::Invalid { field, .. } => {
                Self::invalid(error.to_string()).at(format!("/{field}"))
            }
            TokenRequestError::TooMuch(error) => error.into(),
            TokenRequestError::Token(error) => error.into(),
        }
    }
}

impl From<ZoneError> for Problem {
    fn from(error: ZoneError) -> Self {
        let text = error.to_string();
        match error {
            ZoneError::Exists(_) | ZoneError::Overlaps(_) => {
                Self::new(StatusCode::CONFLICT, code::ZONE_EXISTS, text)
            }
            ZoneError::NoAccount | ZoneError::NoZone => Self::not_found(text),
            ZoneError::Store(error) => error.into(),
        }
    }
}

impl From<ZoneRequestError> for Problem {
    fn from(error: ZoneRequestError) -> Self {
        match error {
            ZoneRequestError::Invalid { field, .. } => {
                Self::invalid(error.to_string()).at(format!("/{field}"))
            }
            ZoneRequestError::Auth(error) => error.into(),
            ZoneRequestError::Zone(error) => error.into(),
        }
    }
}
