//! DNS records: what makes a host name public.

use std::str::FromStr;

use adit_model::{HostPattern, RecordId, Timestamp, ZoneId};
use serde::{Deserialize, Serialize};

use super::TextMatch;

/// The record types that a tunnel needs and that keep a host name to themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsRecordKind {
    /// An alias; to `<tunnel id>.cfargotunnel.com` and proxied, it is a public route.
    Cname,
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
}

impl DnsRecordKind {
    /// The name in the API and the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cname => "CNAME",
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }
}

/// A text that names no [`DnsRecordKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected CNAME, A or AAAA")]
pub struct DnsRecordKindError;

impl FromStr for DnsRecordKind {
    type Err = DnsRecordKindError;

    fn from_str(text: &str) -> Result<Self, DnsRecordKindError> {
        [Self::Cname, Self::A, Self::Aaaa]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(DnsRecordKindError)
    }
}

/// A DNS record of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsRecord {
    /// Its id.
    pub id: RecordId,
    /// Its zone.
    pub zone: ZoneId,
    /// Its type.
    pub kind: DnsRecordKind,
    /// Its full name, or a wildcard.
    pub name: HostPattern,
    /// Its target: a host name, in canonical form for a CNAME, or an address.
    pub content: String,
    /// Whether the edge answers for it. Only a proxied CNAME to a tunnel is a public route.
    pub proxied: bool,
    /// Seconds, or 1 for automatic.
    pub ttl: u32,
    /// The operator's remark; empty if none.
    pub comment: String,
    /// The operator's labels, `name:value` or a name alone, in order.
    pub tags: Vec<String>,
    /// What a DNS host would do with it; kept and shown.
    pub settings: RecordSettings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// When the remark was last changed; `None` if there never was one.
    pub comment_modified_at: Option<Timestamp>,
    /// When the labels were last changed; `None` if there never were any.
    pub tags_modified_at: Option<Timestamp>,
}

/// What a DNS host would do with a record. Adit is none: it keeps them for who wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordSettings {
    /// Answer a CNAME with the addresses of its target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flatten_cname: Option<bool>,
    /// Answer with IPv4 addresses only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4_only: Option<bool>,
    /// Answer with IPv6 addresses only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_only: Option<bool>,
}

/// What a record is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDnsRecord {
    /// Its type.
    pub kind: DnsRecordKind,
    /// Its full name, or a wildcard.
    pub name: HostPattern,
    /// Its target.
    pub content: String,
    /// Whether the edge answers for it.
    pub proxied: bool,
    /// Seconds, or 1 for automatic.
    pub ttl: u32,
    /// The operator's remark.
    pub comment: String,
    /// The operator's labels.
    pub tags: Vec<String>,
    /// What a DNS host would do with it.
    pub settings: RecordSettings,
}

/// Which records to list, and in which order.
#[derive(Debug, Clone, Default)]
pub struct DnsRecordFilter {
    /// Exactly this name.
    pub name: Option<HostPattern>,
    /// Only this type.
    pub kind: Option<DnsRecordKind>,
    /// Exactly this target.
    pub content: Option<String>,
    /// Only proxied, only not, or both.
    pub proxied: Option<bool>,
    /// Their names are such texts.
    pub names: Vec<TextMatch>,
    /// Their targets are such texts.
    pub contents: Vec<TextMatch>,
    /// Their remarks are such texts.
    pub comments: Vec<TextMatch>,
    /// Only with a remark, only without, or both.
    pub has_comment: Option<bool>,
    /// They have, or have not, such labels.
    pub tags: Vec<TagMatch>,
    /// Whether one of the conditions on labels is enough.
    pub any_tag: bool,
    /// Name, target, remark or a label have this in them.
    pub search: Option<String>,
    /// Whether one of the conditions is enough; else all must hold.
    pub any: bool,
    /// By what they are ordered.
    pub order: RecordOrder,
    /// Whether the order is reversed.
    pub reversed: bool,
}

/// A condition on the labels of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagMatch {
    /// The label's name.
    pub name: String,
    /// What its value is to be; `None` if any will do.
    pub value: Option<TextMatch>,
    /// Whether there must be no such label.
    pub absent: bool,
}

/// The order of a list of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordOrder {
    /// By name.
    #[default]
    Name,
    /// By type, then by name.
    Kind,
    /// By target, then by name.
    Content,
    /// By time to live, then by name.
    Ttl,
    /// Those that are not proxied first, then by name.
    Proxied,
}
