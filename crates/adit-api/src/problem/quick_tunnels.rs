//! Why a stranger got no quick tunnel.

use http::StatusCode;

use super::{Problem, code};
use crate::quick_tunnels::QuickError;

impl From<QuickError> for Problem {
    fn from(error: QuickError) -> Self {
        let text = error.to_string();
        match error {
            QuickError::Off => Self::new(StatusCode::FORBIDDEN, code::QUICK_TUNNELS_OFF, text),
            QuickError::TooOften { retry_after } => {
                let whole = u16::try_from(retry_after.as_secs().saturating_add(1)).unwrap_or(u16::MAX);
                Self::new(StatusCode::TOO_MANY_REQUESTS, code::TOO_OFTEN, text).retry_after(whole)
            }
            QuickError::TooMany => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, code::TOO_OFTEN, text).retry_after(60)
            }
            QuickError::NoName => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code::EDGE_BUSY, text).retry_after(1)
            }
            QuickError::NoRandomness(error) => Self::internal(&error),
            QuickError::Store(error) => error.into(),
        }
    }
}
