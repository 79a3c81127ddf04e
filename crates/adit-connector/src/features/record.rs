//! The vendor's record of features that come to accounts by and by.

use std::io;
use std::time::Duration;

use adit_wire::dns::{decode_text_answer, encode_text_question};
use serde::Deserialize;

use crate::resolvers;

const NAME: &str = "cfd-features.argotunnel.com";
/// A resolver answers by then, or the next one is asked.
const LIMIT: Duration = Duration::from_secs(3);

/// What the record says; there may be more in it.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    /// The percentage of accounts whose datagrams are of the third version.
    #[serde(rename = "dv3_2")]
    pub(super) datagrams_v3: u32,
}

/// Asks the system's resolvers, one after the other.
///
/// # Errors
/// If none of them has a record, or it makes no sense.
pub(super) async fn look_up() -> io::Result<Record> {
    let mut last = io::ErrorKind::NotFound.into();
    for resolver in resolvers::system() {
        let id = rand::random();
        let question = encode_text_question(id, NAME).ok_or(io::ErrorKind::InvalidInput)?;
        let decode = |answer: &[u8]| decode_text_answer(answer, id, NAME);
        match tokio::time::timeout(LIMIT, resolvers::ask(resolver, &question, decode)).await {
            Ok(Ok(texts)) => return read(texts.first().ok_or(io::ErrorKind::NotFound)?),
            Ok(Err(error)) => last = error,
            Err(elapsed) => last = elapsed.into(),
        }
    }
    Err(last)
}

fn read(text: &[u8]) -> io::Result<Record> {
    Ok(serde_json::from_slice(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_does_not_say_is_nothing() {
        let said = |percentage| Record {
            datagrams_v3: percentage,
        };
        for (text, record) in [
            (r#"{"dv3_2":39,"skip_prechecks":true}"#, said(39)),
            (r#"{"dv3":100,"dv3_1":100}"#, said(0)),
            ("{}", said(0)),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), record, "{text}");
        }
        for bad in ["", "39", r#"{"dv3_2":-1}"#] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
