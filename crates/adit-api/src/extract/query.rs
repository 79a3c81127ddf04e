//! Query parameters: typed, once or twice encoded, unknown ones ignored.

mod list;
mod words;

use std::str::FromStr;

use adit_core::port::PageRequest;
use adit_model::Timestamp;
use axum::extract::FromRequestParts;
use http::request::Parts;

pub(crate) use list::{Found, list};
pub(crate) use words::TUNNEL_TYPES;

use super::{
    RequestError,
    percent::{decode_again, decode_form, parse_either},
};
use crate::problem::Problem;

/// The query's parameters in order. A parameter with an empty value counts as absent; of a repeated one that is no list, the
/// first counts.
#[derive(Debug, Default)]
pub(crate) struct QueryParams(Vec<(String, String)>);

/// How a family of endpoints cuts its lists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRules {
    /// Items on a page if the client does not say.
    pub(crate) default: u32,
    /// The most a client may ask for; up to [`PageRules::MOST`] it gets.
    pub(crate) limit: u32,
}

impl PageRules {
    /// The most items on any page.
    const MOST: u32 = 1000;
}

impl QueryParams {
    fn parse(query: &str) -> Result<Self, RequestError> {
        let mut params = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode_form(name), decode_form(value)) else {
                return Err(RequestError::QueryNotUtf8);
            };
            params.push((name, value));
        }
        Ok(Self(params))
    }

    /// All values of a parameter, as decoded once.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| &**value)
    }

    /// A text as decoded once.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| &**value)
    }

    /// The same parameters decoded again; `None` if that changes nothing.
    pub(crate) fn decoded_again(&self) -> Option<Self> {
        self.0
            .iter()
            .any(|(_, value)| decode_again(value).is_some())
            .then(|| {
                let again = |value: &String| decode_again(value).unwrap_or_else(|| value.clone());
                Self(
                    self.0
                        .iter()
                        .map(|(name, value)| (name.clone(), again(value)))
                        .collect(),
                )
            })
    }

    fn typed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, RequestError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        parse_either(text, parse)
            .map(Some)
            .ok_or(RequestError::BadParameter { name, expected })
    }

    /// A value with a text form; `expected` says which, such as `a UUID`.
    pub(crate) fn value<T: FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, RequestError> {
        self.typed(name, expected, |text| text.parse().ok())
    }

    /// A value that is one of a few words.
    pub(crate) fn word<T: Copy>(
        &self,
        name: &'static str,
        expected: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, RequestError> {
        let meant = |text: &str| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, value)| *value)
        };
        self.typed(name, expected, meant)
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, RequestError> {
        self.value(name, "true or false")
    }

    /// An RFC 3339 time. The `+` of an offset may have come unencoded.
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, RequestError> {
        self.typed(name, "an RFC 3339 time, such as 2026-01-02T03:04:05Z", |text| {
            Timestamp::parse(&text.replace(' ', "+"))
        })
    }

    /// An RFC 3339 time, or a day, which means its start in UTC.
    pub(crate) fn time_or_day(&self, name: &'static str) -> Result<Option<Timestamp>, RequestError> {
        self.typed(name, "an RFC 3339 time or a day, such as 2026-01-02", |text| {
            Timestamp::parse(&text.replace(' ', "+"))
                .or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
        })
    }

    /// Whether this parameter says that any of the conditions is enough.
    pub(crate) fn any_is_enough(&self, name: &'static str) -> Result<bool, RequestError> {
        let wanted = self.word(name, "any or all", &[("any", true), ("all", false)])?;
        Ok(wanted.unwrap_or(false))
    }

    /// Whether `direction` asks for an ascending order; `None` if it is absent.
    pub(crate) fn ascending(&self) -> Result<Option<bool>, RequestError> {
        self.word("direction", "asc or desc", &[("asc", true), ("desc", false)])
    }

    /// Whether `direction` asks for the oldest first.
    pub(crate) fn oldest_first(&self) -> Result<bool, RequestError> {
        Ok(self.ascending()?.unwrap_or(false))
    }

    /// Which part of a list is asked for.
    pub(crate) fn page(&self, rules: PageRules) -> Result<PageRequest, RequestError> {
        let page = self.typed("page", "a whole number from 1", |text| {
            whole_number(text, u64::MAX)
        })?;
        let per_page = self.typed(
            "per_page",
            "a whole number from 1 to the endpoint's maximum",
            |text| whole_number(text, u64::from(rules.limit)),
        )?;
        Ok(PageRequest {
            page: page.unwrap_or(1),
            per_page: per_page.unwrap_or(rules.default).min(PageRules::MOST),
        })
    }
}

/// A number from 1 to `max`, also written as `2.0`: the schema's type is number. Past `u32` nothing is listed, so
/// that far all pages are alike.
fn whole_number(text: &str, max: u64) -> Option<u32> {
    let digits = text.split_once('.').map_or(Some(text), |(whole, fraction)| {
        (!fraction.is_empty() && fraction.bytes().all(|b| b == b'0')).then_some(whole)
    })?;
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // All digits and no number: longer than 64 bits.
    let number = is_number.then(|| digits.parse::<u64>().unwrap_or(u64::MAX))?;
    (1..=max)
        .contains(&number)
        .then(|| u32::try_from(number).unwrap_or(u32::MAX))
}

impl<S: Sync> FromRequestParts<S> for QueryParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default())?)
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    const RULES: PageRules = PageRules {
        default: 1000,
        limit: 1000,
    };

    fn query(text: &str) -> QueryParams {
        QueryParams::parse(text).unwrap()
    }

    #[test]
    fn a_time_is_read_however_it_was_encoded() {
        let time = Timestamp::parse("2019-10-12T07:20:50.52Z");
        for sent in [
            "t=2019-10-12T07:20:50.52Z",
            "t=2019-10-12T07%3A20%3A50.52Z",
            "t=2019-10-12T07%253A20%253A50.52Z",
            "t=2019-10-12T09:20:50.52%2B02:00",
            "t=2019-10-12T09:20:50.52+02:00",
            "t=2019-10-12T09%253A20%253A50.52%252B02%253A00",
        ] {
            assert_eq!(query(sent).time("t").unwrap(), time, "{sent}");
        }
        assert!(query("t=yesterday").time("t").is_err());
    }

    #[test]
    fn empty_and_unknown_parameters_count_for_nothing() {
        let query = query("&&x=1&is_deleted=&is_deleted=true&=&y");
        assert_eq!(query.flag("is_deleted").unwrap(), Some(true));
        assert_eq!(query.flag("y").unwrap(), None);
    }

    #[test]
    fn pages_start_at_one_and_end_nowhere() {
        let page = |text: &str| {
            query(text)
                .page(RULES)
                .ok()
                .map(|page| (page.page, page.per_page))
        };
        assert_eq!(page(""), Some((1, 1000)));
        assert_eq!(page("page=2.0&per_page=5"), Some((2, 5)));
        assert_eq!(page("page=99999999999999999999999"), Some((u32::MAX, 1000)));
        for bad in [
            "page=0",
            "page=-1",
            "page=x",
            "page=1.5",
            "page=1.",
            "per_page=0",
            "per_page=1001",
        ] {
            assert_eq!(page(bad), None, "{bad}");
        }
        let generous = PageRules {
            default: 100,
            limit: 5_000_000,
        };
        assert_eq!(query("per_page=5000000").page(generous).unwrap().per_page, 1000);
    }

    #[test]
    fn a_query_that_is_no_text_is_refused() {
        assert!(matches!(
            QueryParams::parse("name=%ff"),
            Err(RequestError::QueryNotUtf8)
        ));
    }

    proptest! {
        #[test]
        fn a_value_is_read_as_it_was_encoded(name in "[a-z]{1,8}", value in ".{1,20}") {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let once = query(&format!("{name}={}", encode(&value)));
            prop_assert_eq!(once.text(&name), Some(&*value));
            let twice = query(&format!("{name}={}", encode(&encode(&value))));
            let again = twice.decoded_again();
            prop_assert_eq!(again.as_ref().unwrap_or(&twice).text(&name), Some(&*value));
        }

        #[test]
        fn no_query_panics(text in ".{0,100}") {
            if let Ok(query) = QueryParams::parse(&text) {
                let _ = (query.page(RULES), query.flag("a"), query.time("a"), query.decoded_again());
            }
        }
    }
}
