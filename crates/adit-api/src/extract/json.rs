//! JSON bodies.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::{Bytes, BytesMut};
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::{RequestError, shortened};
use crate::{problem::Problem, state::ApiState};

/// How many times the limit is read and thrown away, so that a client that sends all before it reads gets to
/// read the answer.
const DRAIN: usize = 16;

/// A body that is a JSON object, whatever its content type says. An absent or blank one counts as `{}`; unknown
/// fields are ignored if `T` ignores them.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let waits = request.headers().contains_key(EXPECT);
        let read = read(request.into_body(), state.limits.body_bytes, waits);
        let bytes = tokio::time::timeout(state.limits.body_time, read)
            .await
            .map_err(|_| RequestError::BodyTooSlow)??;
        Ok(Self(parse(&bytes)?))
    }
}

async fn read(mut body: Body, limit: usize, client_waits: bool) -> Result<Bytes, RequestError> {
    let too_large = RequestError::BodyTooLarge { limit };
    let announced = body.size_hint().exact().unwrap_or(0);
    let most = limit.saturating_mul(if client_waits { 1 } else { DRAIN });
    if announced > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(too_large);
    }
    let (mut kept, mut seen) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| RequestError::BodyCutShort)?;
        let Some(data) = frame.data_ref() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= limit {
            kept.extend_from_slice(data);
        } else if seen > most {
            break;
        }
    }
    if seen > limit {
        Err(too_large)
    } else {
        Ok(kept.freeze())
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RequestError> {
    let bytes = if bytes.trim_ascii().is_empty() {
        b"{}"
    } else {
        bytes
    };
    // Serde would also read a struct from an array.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let any: Result<IgnoredAny, _> = serde_json::from_slice(bytes);
        return Err(any.map_or_else(|error| describe_syntax(&error), |_| not_an_object()));
    }
    let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut *deserializer)
        .map_err(|error| describe(error.path(), error.inner(), bytes))?;
    deserializer.end().map_err(|error| describe_syntax(&error))?;
    Ok(value)
}

fn describe(path: &Path, error: &serde_json::Error, bytes: &[u8]) -> RequestError {
    match error.classify() {
        // To serde, what is neither a text nor an object where one of a few words belongs is no JSON.
        Category::Syntax if serde_json::from_slice::<serde_json::Value>(bytes).is_ok() => {
            RequestError::BodyField {
                pointer: pointer(path),
                path: path.to_string(),
                reason: "expected a text".to_owned(),
            }
        }
        Category::Data => {
            let field = if path.iter().next().is_none() {
                "body".to_owned()
            } else {
                path.to_string()
            };
            let text = error.to_string();
            let reason = text
                .rsplit_once(" at line ")
                .map_or(text.as_str(), |(reason, _)| reason);
            RequestError::BodyField {
                pointer: pointer(path),
                path: field,
                reason: shortened(reason),
            }
        }
        Category::Io | Category::Syntax | Category::Eof => describe_syntax(error),
    }
}

fn describe_syntax(error: &serde_json::Error) -> RequestError {
    let reason = if error.is_eof() {
        "unexpected end"
    } else {
        "unexpected character"
    };
    RequestError::BodySyntax {
        reason,
        line: error.line(),
        column: error.column(),
    }
}

fn not_an_object() -> RequestError {
    RequestError::BodyField {
        pointer: String::new(),
        path: "body".to_owned(),
        reason: "expected a JSON object".to_owned(),
    }
}

fn pointer(path: &Path) -> String {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Eq, Deserialize)]
    #[serde(default)]
    struct Example {
        name: String,
        nested: Vec<Vec<u8>>,
    }

    fn error(text: &str) -> String {
        parse::<Example>(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_absent_body_is_an_empty_object_and_unknown_fields_are_ignored() {
        for text in ["", " \r\n", "{}", " {\"other\": [1, {}]} "] {
            assert_eq!(
                parse::<Example>(text.as_bytes()).unwrap(),
                Example::default(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_wrong_type_is_reported_with_its_path() {
        assert_eq!(
            error(r#"{"name": 5}"#),
            "name: invalid type: integer `5`, expected a string"
        );
        let nested = parse::<Example>(br#"{"nested": [[1], [2, "x"]]}"#).unwrap_err();
        assert!(
            matches!(&nested, RequestError::BodyField { pointer, .. } if pointer == "/nested/1/1"),
            "{nested:?}"
        );
    }

    #[test]
    fn what_is_no_word_where_one_belongs_is_reported_with_its_path() {
        #[derive(Debug, Deserialize)]
        enum Word {}
        #[derive(Debug, Deserialize)]
        struct Words {
            #[expect(dead_code, reason = "nothing is one of no words")]
            word: Word,
        }
        for value in ["null", "5", "true", "[]"] {
            let body = format!("{{\"word\": {value}}}");
            let refused = parse::<Words>(body.as_bytes()).unwrap_err();
            assert!(
                matches!(&refused, RequestError::BodyField { pointer, .. } if pointer == "/word"),
                "{refused:?}"
            );
            let broken = parse::<Words>(format!("{body},").as_bytes()).unwrap_err();
            assert!(matches!(broken, RequestError::BodySyntax { .. }), "{broken:?}");
        }
    }

    #[test]
    fn only_an_object_is_a_body() {
        for text in ["[]", "[\"name\"]", "7", "null", "\"x\"", "true"] {
            assert_eq!(error(text), "body: expected a JSON object", "{text}");
        }
    }

    #[test]
    fn broken_json_is_reported_with_its_place() {
        for text in [
            "{",
            "{\"name\":}",
            "{} {}",
            "nonsense",
            "{\"name\":\"\u{1}\"}",
            &"[".repeat(10_000),
        ] {
            assert!(
                error(text).starts_with("Malformed JSON in request body: unexpected "),
                "{text}"
            );
        }
        let not_utf8 = parse::<Example>(b"{\"name\":\"\xff\"}").unwrap_err();
        assert!(
            matches!(not_utf8, RequestError::BodySyntax { .. }),
            "{not_utf8:?}"
        );
    }

    proptest! {
        #[test]
        fn no_body_panics(bytes: Vec<u8>, text in "[\\{\\}\\[\\]\",:0-9a-z ]{0,40}") {
            let _ = parse::<Example>(&bytes);
            let _ = parse::<Example>(text.as_bytes());
            let _ = parse::<Example>(format!("{{\"nested\": {text}}}").as_bytes());
        }

        #[test]
        fn reading_undoes_writing(name in ".*", nested: Vec<Vec<u8>>) {
            let body = serde_json::json!({"name": name, "nested": nested}).to_string();
            prop_assert_eq!(parse::<Example>(body.as_bytes()).unwrap(), Example { name, nested });
        }
    }
}
