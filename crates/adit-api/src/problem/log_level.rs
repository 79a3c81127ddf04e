//! What goes wrong with the log level.

use super::Problem;
use crate::log_level::LogLevelError;

impl From<LogLevelError> for Problem {
    fn from(error: LogLevelError) -> Self {
        let text = error.to_string();
        match error {
            LogLevelError::Bad(_) => Self::invalid(text).at("/level".to_owned()),
            LogLevelError::Store(error) => error.into(),
        }
    }
}
