//! Zones and records as clients see them.

use adit_core::{
    port::{DnsRecord, Zone},
    zone_names::target_tunnel,
};
use adit_model::{AccountId, RecordId, Timestamp, ZoneId};
use schemars::JsonSchema;
use serde::Serialize;

use super::settings::SettingsView;

/// A zone. What only a DNS host has is empty.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ZoneView {
    id: ZoneId,
    name: String,
    status: &'static str,
    paused: bool,
    r#type: &'static str,
    development_mode: u32,
    name_servers: [&'static str; 0],
    original_name_servers: Option<[&'static str; 0]>,
    original_registrar: Option<&'static str>,
    original_dnshost: Option<&'static str>,
    created_on: Timestamp,
    modified_on: Timestamp,
    activated_on: Timestamp,
    meta: Empty,
    account: Named,
    owner: Owner,
    plan: Plan,
    permissions: [&'static str; 0],
}

#[derive(Debug, Serialize, JsonSchema)]
struct Empty {}

#[derive(Debug, Serialize, JsonSchema)]
struct Named {
    id: AccountId,
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Owner {
    #[serde(flatten)]
    named: Named,
    r#type: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Plan {
    name: &'static str,
}

/// A record.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordView {
    id: RecordId,
    zone_id: ZoneId,
    zone_name: String,
    name: String,
    r#type: &'static str,
    content: String,
    proxiable: bool,
    proxied: bool,
    ttl: u32,
    settings: SettingsView,
    meta: Empty,
    comment: Option<String>,
    tags: Vec<String>,
    created_on: Timestamp,
    modified_on: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_modified_on: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags_modified_on: Option<Timestamp>,
}

impl ZoneView {
    /// What clients see of a zone.
    pub(crate) fn of(zone: &Zone) -> Self {
        let named = || Named {
            id: zone.account,
            name: zone.account_name.clone(),
        };
        Self {
            id: zone.id,
            name: zone.name.to_string(),
            status: "active",
            paused: zone.paused,
            r#type: "full",
            development_mode: 0,
            name_servers: [],
            original_name_servers: None,
            original_registrar: None,
            original_dnshost: None,
            created_on: zone.created_at,
            modified_on: zone.modified_at,
            activated_on: zone.created_at,
            meta: Empty {},
            account: named(),
            owner: Owner {
                named: named(),
                r#type: "account",
            },
            plan: Plan { name: "Adit" },
            permissions: [],
        }
    }
}

impl RecordView {
    /// What clients see of a zone's record. Only a record that leads to a tunnel can be proxied to any effect.
    pub(crate) fn of(record: &DnsRecord, zone: &Zone) -> Self {
        Self {
            id: record.id,
            zone_id: record.zone,
            zone_name: zone.name.to_string(),
            name: record.name.to_string(),
            r#type: record.kind.as_str(),
            content: record.content.clone(),
            proxiable: target_tunnel(&record.content).is_some(),
            proxied: record.proxied,
            ttl: record.ttl,
            settings: record.settings.into(),
            meta: Empty {},
            comment: Some(record.comment.clone()).filter(|comment| !comment.is_empty()),
            tags: record.tags.clone(),
            created_on: record.created_at,
            modified_on: record.modified_at,
            comment_modified_on: record.comment_modified_at,
            tags_modified_on: record.tags_modified_at,
        }
    }
}
