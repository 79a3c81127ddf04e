//! Points 6 and 7 of the checklist: configurations from the edge, and those that connectors tell; with a connector that
//! does what the test says, always, and with unmodified cloudflared where it is present.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod scripted;
mod stock;

use adit_core::{
    port::{LocallyConfigured, PresenceEvent},
    rollout::Standing,
};
use adit_model::{ConfigVersion, ConnectorId};
use adit_testing::wait_for_some;
use support::MemoryStore;

/// A configuration whose only rule answers with a status.
fn status(status: u16) -> String {
    format!(r#"{{"ingress":[{{"service":"http_status:{status}"}}]}}"#)
}

/// What was reported last of a connector, or of any.
fn standing(store: &MemoryStore, connector: Option<ConnectorId>) -> Option<Standing> {
    let events = store.events.lock();
    events.iter().rev().find_map(|event| match event {
        PresenceEvent::Configured(news) if connector.is_none_or(|id| id == news.connector) => {
            Some(news.standing.clone())
        }
        PresenceEvent::Configured(_)
        | PresenceEvent::Opened(_)
        | PresenceEvent::Closed(_)
        | PresenceEvent::LocallyConfigured(_) => None,
    })
}

/// Waits until a connector is reported to run a version.
async fn runs(store: &MemoryStore, connector: Option<ConnectorId>, version: i32) -> Standing {
    wait_for_some(&format!("version {version} to run"), async || {
        standing(store, connector).filter(|standing| standing.running == Some(ConfigVersion(version)))
    })
    .await
}

/// Waits until a connector is reported to have refused a version, and tells its sentence.
async fn refused(store: &MemoryStore, connector: Option<ConnectorId>, version: i32) -> String {
    wait_for_some(&format!("version {version} to be refused"), async || {
        let refused = standing(store, connector)?.refused?;
        (refused.version == ConfigVersion(version)).then_some(refused.sentence)
    })
    .await
}

/// The local configurations that were reported, oldest first.
fn told(store: &MemoryStore) -> Vec<LocallyConfigured> {
    let events = store.events.lock();
    let told = events.iter().filter_map(|event| match event {
        PresenceEvent::LocallyConfigured(news) => Some(news.clone()),
        PresenceEvent::Opened(_) | PresenceEvent::Closed(_) | PresenceEvent::Configured(_) => None,
    });
    told.collect()
}
