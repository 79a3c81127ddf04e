//! Requests that two servers could read in two ways.

use adit_testing::cloudflared::Protocol;

use crate::stage::{HOST, Stage};

const SECOND: &str = "GET /smuggled HTTP/1.1\r\nHost: shop.adit.localhost\r\n\r\n";

#[tokio::test]
async fn what_is_malformed_is_a_400_and_the_end_of_the_connection() {
    let stage = Stage::new(Protocol::Quic).await;
    let post = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n");
    for bad in [
        // Two lengths, no length, and what is no length.
        format!("{post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        format!("{post}Content-Length: 5, 6\r\n\r\nhello!"),
        format!("{post}Content-Length: +5\r\n\r\nhello"),
        format!("{post}Content-Length: 0x5\r\n\r\nhello"),
        format!("{post}Content-Length: 99999999999999999999\r\n\r\nhello"),
        // Codings other than chunked, and chunked in disguise.
        format!("{post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        format!("{post}Transfer-Encoding: identity\r\n\r\n"),
        format!("{post}Transfer-Encoding: xchunked\r\n\r\n"),
        format!("{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        format!("POST / HTTP/1.0\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        // Lines that are not what they look like.
        format!("{post}Content-Length : 5\r\n\r\nhello"),
        format!("{post}X: a\r\n folded\r\n\r\n"),
        format!("{post} X: a\r\n\r\n"),
        format!("{post}X: a\rY: b\r\n\r\n"),
        format!("{post}X: a\0b\r\n\r\n"),
        format!("{post}X\0: a\r\n\r\n"),
        format!("{post}: a\r\n\r\n"),
        format!("{post}no colon\r\n\r\n"),
        format!("GET /a b HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        format!("GET / HTTP/1.1 \r\nHost: {HOST}\r\n\r\n"),
        format!("GET / HTTP/9.9\r\nHost: {HOST}\r\n\r\n"),
        format!("G\0T / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        // Whom it is for.
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n\r\n"),
        format!("GET http://other.example/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        format!("GET http://{HOST}@other.example/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
    ] {
        let mut raw = stage.raw().await;
        raw.write(format!("{bad}{SECOND}")).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?} got {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{bad:?} got {answer:?}");
    }
}

#[tokio::test]
async fn a_chunked_request_with_a_length_too_has_one_meaning_and_no_successor() {
    let mut stage = Stage::new(Protocol::Quic).await;
    let (length, chunked) = ("Content-Length: 4\r\n", "Transfer-Encoding: chunked\r\n");
    for both in [[length, chunked].concat(), [chunked, length].concat()] {
        let mut raw = stage.raw().await;
        raw.write(format!(
            "POST / HTTP/1.1\r\nHost: {HOST}\r\n{both}\r\n5\r\nhello\r\n0\r\n\r\n{SECOND}"
        ))
        .await;
        let mut asked = stage.connector.next().await;
        assert!(!asked.head.headers.contains_key("content-length"));
        assert_eq!(asked.body.read().await.unwrap(), "hello");
        asked.say(200, "read").await;
        let answer = raw.rest().await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{both:?} got {answer:?}");
    }
}

#[tokio::test]
async fn a_bad_chunk_breaks_the_request_off_and_the_connection() {
    let mut stage = Stage::new(Protocol::Quic).await;
    for bad in [
        "xyz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5;a=\n\r\nhello\r\n0\r\n\r\n",
    ] {
        let mut raw = stage.raw().await;
        raw.write(format!(
            "POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ))
        .await;
        // What is broken comes when the request is under way: its head was good.
        raw.write("2\r\nok\r\n").await;
        let mut asked = stage.connector.next().await;
        raw.write(format!("{bad}{SECOND}")).await;
        asked.body.read().await.unwrap_err();
        drop(asked);
        let answer = raw.rest().await;
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{bad:?} got {answer:?}");
        assert!(!answer.contains(" 200 "), "{bad:?} got {answer:?}");
    }
}

#[tokio::test]
async fn what_the_standard_lets_pass_goes_on_in_one_form() {
    let mut stage = Stage::new(Protocol::Quic).await;
    // Line ends without CR: RFC 9112, section 2.2. Lengths that agree: RFC 9110, section 8.6.
    for odd in [
        format!("POST / HTTP/1.1\nHost: {HOST}\nContent-Length: 5\n\nhello"),
        format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
        format!("\r\nPOST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 05\r\n\r\nhello"),
    ] {
        let mut raw = stage.raw().await;
        raw.write(odd).await;
        let mut asked = stage.connector.next().await;
        let lengths: Vec<_> = asked.head.headers.get_all("content-length").iter().collect();
        assert_eq!(lengths, ["5"]);
        assert_eq!(asked.body.read().await.unwrap(), "hello");
        asked.say(200, "").await;
        raw.until("\r\n\r\n").await;
    }
}
