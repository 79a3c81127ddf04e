//! What a DNS host would do with a record, as clients send and see it.

use adit_core::port::RecordSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kept and shown; Adit is no DNS host.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SettingsView {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flatten_cname: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv4_only: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv6_only: Option<bool>,
}

impl From<RecordSettings> for SettingsView {
    fn from(settings: RecordSettings) -> Self {
        let RecordSettings {
            flatten_cname,
            ipv4_only,
            ipv6_only,
        } = settings;
        Self {
            flatten_cname,
            ipv4_only,
            ipv6_only,
        }
    }
}

impl From<SettingsView> for RecordSettings {
    fn from(view: SettingsView) -> Self {
        let SettingsView {
            flatten_cname,
            ipv4_only,
            ipv6_only,
        } = view;
        Self {
            flatten_cname,
            ipv4_only,
            ipv6_only,
        }
    }
}
