//! What goes wrong with host names.

use adit_core::port::LimitedHostError;
use http::StatusCode;

use super::{Problem, code};
use crate::hosts::LimitsError;

impl From<LimitsError> for Problem {
    fn from(error: LimitsError) -> Self {
        let text = error.to_string();
        match error {
            LimitsError::Bad(error) => Self::invalid(text).at(format!("/{}", error.field)),
            LimitsError::Host(LimitedHostError::NoZone(_)) => {
                Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, text)
            }
            LimitsError::Host(LimitedHostError::Store(error)) => error.into(),
        }
    }
}
