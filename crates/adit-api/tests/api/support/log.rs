//! A log without lines.

use adit_core::port::{BadLogLevel, LogControl};
use parking_lot::Mutex;

/// A log of which nobody sees a line. Knows the levels `info` and `debug`.
pub(crate) struct ScriptedLog(Mutex<String>);

impl Default for ScriptedLog {
    fn default() -> Self {
        Self(Mutex::new("info".to_owned()))
    }
}

impl LogControl for ScriptedLog {
    fn log_level(&self) -> String {
        self.0.lock().clone()
    }

    fn set_log_level(&self, directives: &str) -> Result<String, BadLogLevel> {
        if !["info", "debug"].contains(&directives) {
            return Err(BadLogLevel(format!("{directives:?} is no level")));
        }
        Ok(std::mem::replace(&mut *self.0.lock(), directives.to_owned()))
    }
}
