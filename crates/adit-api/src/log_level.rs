//! What this server logs. The vendor has no such calls; these are Adit's own, and the operator's.

use adit_core::port::{AuditedAct, BadLogLevel, StoreError};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    auth::Caller,
    endpoint::{Access, Endpoint},
    envelope::Success,
    extract::JsonBody,
    state::ApiState,
};

/// The calls on the log level.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let level = "/adit/log_level";
    vec![
        Endpoint::get(level, "Show what the server logs", Access::Operator, show).gives::<LogLevel>(),
        Endpoint::put(
            level,
            "Set what the server logs, until it ends or reads its configuration again",
            Access::Operator,
            set,
        )
        .takes::<LogLevel>()
        .gives::<LogLevel>(),
    ]
}

/// Why the log level was not set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogLevelError {
    #[error("level: {0}")]
    Bad(#[from] BadLogLevel),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is logged.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogLevel {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,adit_edge=debug`.
    level: String,
}

/// `GET /adit/log_level`.
async fn show(State(state): State<ApiState>, _caller: Caller) -> Success<LogLevel> {
    Success::of(LogLevel {
        level: state.log.log_level(),
    })
}

/// `PUT /adit/log_level`.
async fn set(
    State(state): State<ApiState>,
    caller: Caller,
    JsonBody(body): JsonBody<LogLevel>,
) -> Result<Success<LogLevel>, LogLevelError> {
    let before = state.log.set_log_level(&body.level)?;
    let act = AuditedAct {
        account: None,
        action: "log_level.update",
        object: "log_level".to_owned(),
        before: Some(json!({"level": before})),
        after: Some(json!({"level": body.level})),
    };
    if let Err(failed) = state.catalog.audit(act, &caller.actor).await {
        // What is not on record must not be so. That the level of before can be set, it has shown.
        let _ = state.log.set_log_level(&before);
        return Err(failed.into());
    }
    Ok(Success::of(body))
}
