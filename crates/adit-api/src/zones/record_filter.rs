//! Which records a list is asked for.

use adit_core::port::{Comparison, DnsRecordFilter, RecordOrder, TagMatch, TextMatch};

use super::record_request::kind_named;
use crate::extract::{QueryParams, RequestError};

/// What follows the name of a field, with a dot, to say how it is compared.
const SUFFIXES: [(&str, Comparison); 4] = [
    ("exact", Comparison::Equal),
    ("contains", Comparison::Contains),
    ("startswith", Comparison::StartsWith),
    ("endswith", Comparison::EndsWith),
];

const ORDERS: &[(&str, RecordOrder)] = &[
    ("name", RecordOrder::Name),
    ("type", RecordOrder::Kind),
    ("content", RecordOrder::Content),
    ("ttl", RecordOrder::Ttl),
    ("proxied", RecordOrder::Proxied),
];

/// The most conditions on labels: as many as a record has.
const MOST_TAGS: usize = 20;

/// Reads the conditions and the order; `None` if no record can match.
pub(super) fn read(query: &QueryParams) -> Result<Option<DnsRecordFilter>, RequestError> {
    let mut filter = DnsRecordFilter {
        proxied: query.flag("proxied")?,
        contents: texts(query, "content"),
        names: texts(query, "name"),
        comments: texts(query, "comment"),
        tags: tags(query)?,
        any_tag: query.any_is_enough("tag_match")?,
        search: query.text("search").map(str::to_owned),
        any: query.any_is_enough("match")?,
        order: query
            .word("order", "type, name, content, ttl or proxied", ORDERS)?
            .unwrap_or_default(),
        reversed: query.ascending()? == Some(false),
        ..DnsRecordFilter::default()
    };
    filter.has_comment = match (query.text("comment.present"), query.text("comment.absent")) {
        (Some(_), _) => Some(true),
        (None, Some(_)) => Some(false),
        (None, None) => None,
    };
    if let Some(name) = query.text("name.exact").or_else(|| query.text("name")) {
        match name.parse() {
            Ok(name) => filter.name = Some(name),
            // A text that is no host name is no record's name either.
            Err(_) => filter.names.push(TextMatch::new(Comparison::Equal, name)),
        }
    }
    let content = query.text("content.exact").or_else(|| query.text("content"));
    filter.content = content.map(str::to_ascii_lowercase);
    match query.text("type").map(kind_named) {
        Some(None) if !filter.any => return Ok(None),
        kind => filter.kind = kind.flatten(),
    }
    Ok(Some(filter))
}

/// The conditions on a field. Being exactly something is another matter where there is an index for it.
fn texts(query: &QueryParams, field: &str) -> Vec<TextMatch> {
    let has_index = matches!(field, "name" | "content");
    let suffixes = SUFFIXES.iter().skip(usize::from(has_index));
    let wanted = |(suffix, comparison): &(&str, Comparison)| {
        let text = query.text(&format!("{field}.{suffix}"))?;
        Some(TextMatch::new(*comparison, text))
    };
    let plain = query.text(field).filter(|_| !has_index);
    let plain = plain.map(|text| TextMatch::new(Comparison::Equal, text));
    suffixes.filter_map(wanted).chain(plain).collect()
}

/// The conditions on labels, each a label's name and, but for presence and absence, a text after a colon.
fn tags(query: &QueryParams) -> Result<Vec<TagMatch>, RequestError> {
    let named = |parameter, absent| {
        query.all(parameter).map(move |name| TagMatch {
            name: name.to_owned(),
            value: None,
            absent,
        })
    };
    let valued = SUFFIXES.iter().chain([&("", Comparison::Equal)]);
    let valued = valued.flat_map(|(suffix, comparison)| {
        let parameter = match *suffix {
            "" => "tag".to_owned(),
            suffix => format!("tag.{suffix}"),
        };
        let tags: Vec<TagMatch> = query.all(&parameter).map(|text| tag(text, *comparison)).collect();
        tags
    });
    let present = named("tag.present", false).chain(named("tag.absent", true));
    let wanted: Vec<TagMatch> = present.chain(valued).take(MOST_TAGS + 1).collect();
    if wanted.len() > MOST_TAGS {
        return Err(RequestError::BadParameter {
            name: "tag",
            expected: "at most 20 conditions on tags",
        });
    }
    Ok(wanted)
}

fn tag(text: &str, comparison: Comparison) -> TagMatch {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    TagMatch {
        name: name.to_owned(),
        value: Some(TextMatch::new(comparison, value)),
        absent: false,
    }
}
