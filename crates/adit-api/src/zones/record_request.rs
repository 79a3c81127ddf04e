//! What a client says of a record, and whether it makes sense.

use std::net::{Ipv4Addr, Ipv6Addr};

use adit_core::{
    object,
    port::{CatalogError, DnsRecord, DnsRecordKind, NewDnsRecord, Zone},
    reserved_hosts::ReservedHosts,
    zone_names::full_name,
};
use adit_model::{HostPattern, Hostname};
use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::SettingsView;

/// Seconds that a resolver may keep a record, when the record does not leave that to the server.
const TTLS: std::ops::RangeInclusive<u32> = 60..=86_400;
/// The TTL that leaves it to the server.
const AUTOMATIC: u32 = 1;
const MAX_COMMENT: usize = 500;
const MAX_TAGS: usize = 20;
const MAX_TAG_NAME: usize = 32;
const MAX_TAG_VALUE: usize = 100;

/// Why a record was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("{0} is required")]
    Missing(&'static str),
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error("{0} is reserved for Adit itself")]
    Reserved(HostPattern),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// A record as a client sends it, whole or in part.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct RecordRequest {
    r#type: Option<String>,
    name: Option<String>,
    content: Option<String>,
    proxied: Option<bool>,
    ttl: Option<u32>,
    comment: Option<String>,
    /// Labels, each `name:value` or a name alone.
    tags: Option<Vec<String>>,
    #[serde(deserialize_with = "object::maybe")]
    settings: Option<SettingsView>,
}

impl RecordRequest {
    /// Fills what is not said with what the record says now.
    pub(crate) fn over(self, record: &DnsRecord) -> Self {
        Self {
            r#type: self.r#type.or_else(|| Some(record.kind.as_str().to_owned())),
            name: self.name.or_else(|| Some(record.name.to_string())),
            content: self.content.or_else(|| Some(record.content.clone())),
            proxied: self.proxied.or(Some(record.proxied)),
            ttl: self.ttl.or(Some(record.ttl)),
            comment: self.comment.or_else(|| Some(record.comment.clone())),
            tags: self.tags.or_else(|| Some(record.tags.clone())),
            settings: self.settings.or_else(|| Some(record.settings.into())),
        }
    }

    /// The record that is meant.
    pub(crate) fn check(self, zone: &Zone, reserved: &ReservedHosts) -> Result<NewDnsRecord, RecordError> {
        let kind = kind(&self.r#type.ok_or(RecordError::Missing("type"))?)?;
        let name = self.name.ok_or(RecordError::Missing("name"))?;
        let name = full_name(&name, &zone.name).map_err(|error| invalid("name", error))?;
        let content = content(kind, &name, &self.content.ok_or(RecordError::Missing("content"))?)?;
        let ttl = self.ttl.unwrap_or(AUTOMATIC);
        if ttl != AUTOMATIC && !TTLS.contains(&ttl) {
            return Err(invalid("ttl", "must be 1 (automatic) or 60 to 86400 seconds"));
        }
        let comment = self.comment.unwrap_or_default();
        if comment.chars().count() > MAX_COMMENT {
            return Err(invalid("comment", "must not be longer than 500 characters"));
        }
        if reserved.refuse(&name) {
            return Err(RecordError::Reserved(name));
        }
        Ok(NewDnsRecord {
            kind,
            name,
            content,
            proxied: self.proxied.unwrap_or(false),
            ttl,
            comment,
            tags: tags(self.tags.unwrap_or_default())?,
            settings: self.settings.unwrap_or_default().into(),
        })
    }
}

/// Labels in their order, each once.
fn tags(texts: Vec<String>) -> Result<Vec<String>, RecordError> {
    let mut tags = Vec::new();
    for text in texts {
        let (name, value) = text.split_once(':').unwrap_or((&text, ""));
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let fits = (1..=MAX_TAG_NAME).contains(&name.len())
            && name.bytes().all(letter)
            && value.chars().count() <= MAX_TAG_VALUE
            && !value.chars().any(char::is_control);
        if !fits {
            let reason =
                "a tag is a name of up to 32 letters, digits, _ and -, then a colon and up to 100 characters";
            return Err(invalid("tags", reason));
        }
        if !tags.contains(&text) {
            tags.push(text);
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(invalid("tags", format!("at most {MAX_TAGS}")));
    }
    Ok(tags)
}

fn invalid(field: &'static str, reason: impl ToString) -> RecordError {
    RecordError::Invalid {
        field,
        reason: reason.to_string(),
    }
}

/// The record type of that name.
pub(super) fn kind_named(text: &str) -> Option<DnsRecordKind> {
    [DnsRecordKind::Cname, DnsRecordKind::A, DnsRecordKind::Aaaa]
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
}

fn kind(text: &str) -> Result<DnsRecordKind, RecordError> {
    kind_named(text).ok_or_else(|| invalid("type", "must be CNAME, A or AAAA; no other is in this version"))
}

/// A target in its canonical form.
fn content(kind: DnsRecordKind, name: &HostPattern, text: &str) -> Result<String, RecordError> {
    let bad = |reason: &str| invalid("content", reason);
    match kind {
        DnsRecordKind::A => text
            .parse::<Ipv4Addr>()
            .map(|address| address.to_string())
            .map_err(|_| bad("must be an IPv4 address for an A record")),
        DnsRecordKind::Aaaa => text
            .parse::<Ipv6Addr>()
            .map(|address| address.to_string())
            .map_err(|_| bad("must be an IPv6 address for an AAAA record")),
        DnsRecordKind::Cname => {
            let target: Hostname = text.parse().map_err(|error| invalid("content", error))?;
            if *name == HostPattern::Exact(target.clone()) {
                return Err(bad("a CNAME record must not lead to itself"));
            }
            Ok(target.to_string())
        }
    }
}
