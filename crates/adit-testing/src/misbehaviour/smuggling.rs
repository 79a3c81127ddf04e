//! HTTP/1.1 requests that two servers could read in two ways. Behind each a second request is hidden, whose answer
//! nobody must get.

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    raw::{Heard, exchange},
};

/// The status of what is hidden, if it is asked for.
const HIDDEN: u16 = 418;

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "smuggle-cl-te",
        peer: Peer::Client,
        does: "announces its body by Content-Length and as chunked, in both orders",
        outcome: &[Seen::Status(200)],
        bound: "read as chunked (RFC 9112, section 6.3) and written anew with one length; the connection ends after it",
        run: |target| Box::pin(both_lengths(target)),
    },
    Misbehaviour {
        name: "smuggle-te-te",
        peer: Peer::Client,
        does: "obscures Transfer-Encoding: other codings, other cases, twice, tabs, quotes",
        outcome: &[Seen::Status(400), Seen::Status(200)],
        bound: "refused, unless every reader reads it as chunked",
        run: |target| Box::pin(codings(target)),
    },
    Misbehaviour {
        name: "smuggle-lengths",
        peer: Peer::Client,
        does: "sends two Content-Lengths, lists, signs, hexadecimal and 30 digits",
        outcome: &[Seen::Status(400)],
        bound: "refused, and the connection with it",
        run: |target| Box::pin(lengths(target)),
    },
    Misbehaviour {
        name: "smuggle-field-lines",
        peer: Peer::Client,
        does: "folds lines, puts blanks before colons, and NUL, CR or nothing into names and values",
        outcome: &[Seen::Status(400)],
        bound: "refused, and the connection with it",
        run: |target| Box::pin(field_lines(target)),
    },
    Misbehaviour {
        name: "smuggle-bare-lf",
        peer: Peer::Client,
        does: "ends lines with LF alone",
        outcome: &[Seen::Status(400), Seen::Status(200)],
        bound: "read as RFC 9112, section 2.2, allows, and written anew for the origin",
        run: |target| Box::pin(bare_lf(target)),
    },
    Misbehaviour {
        name: "chunk-sizes",
        peer: Peer::Client,
        does: "sends chunk sizes that overflow, are negative, empty or no number",
        outcome: &[Seen::Status(400), Seen::Status(502), Seen::Closed],
        bound: "the body ends there; the origin sees it cut short",
        run: |target| Box::pin(chunk_sizes(target)),
    },
    Misbehaviour {
        name: "chunk-extension-bomb",
        peer: Peer::Client,
        does: "sends a megabyte of chunk extensions, and a byte of body with each of 20,000 small ones",
        outcome: &[Seen::Status(400), Seen::Status(502), Seen::Closed],
        bound: "16 KiB of extensions a body",
        run: |target| Box::pin(extensions(target)),
    },
    Misbehaviour {
        name: "trailer-bomb",
        peer: Peer::Client,
        does: "ends its body with a megabyte of trailers, and with 10,000 small ones",
        outcome: &[Seen::Status(400), Seen::Status(502), Seen::Closed],
        bound: "16 KiB and `http.max_headers` of trailers",
        run: |target| Box::pin(trailers(target)),
    },
    Misbehaviour {
        name: "body-cut-short",
        peer: Peer::Client,
        does: "announces more bytes than it sends, and leaves",
        outcome: &[Seen::Status(400), Seen::Status(502), Seen::Closed],
        bound: "the upload is reset, so that the origin does not take it for whole",
        run: |target| Box::pin(cut_short(target)),
    },
];

fn head(target: &Target, fields: &str) -> String {
    format!("POST /upload HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", target.host)
}

fn hidden(target: &Target) -> String {
    format!("GET /status/{HIDDEN} HTTP/1.1\r\nHost: {}\r\n\r\n", target.host)
}

/// What is seen of a request with a hidden one in or behind it.
fn judge(heard: &Heard) -> Sight {
    if heard.statuses().contains(&HIDDEN) {
        return Sight::from([Seen::Leak]);
    }
    heard.sight()
}

async fn all(target: &Target, cases: impl IntoIterator<Item = String>) -> Sight {
    let mut sight = Sight::new();
    for case in cases {
        sight.extend(judge(&exchange(target.http, case.as_bytes()).await));
    }
    sight
}

async fn both_lengths(target: &Target) -> Sight {
    let hidden = hidden(target);
    let chunked = format!("0\r\n\r\n{hidden}");
    let (length, size) = (chunked.len(), hidden.len());
    let cases = [
        head(
            target,
            &format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        ) + &chunked,
        head(
            target,
            &format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        ) + &chunked,
        head(target, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")
            + &format!("{size:x}\r\n{hidden}\r\n0\r\n\r\n"),
    ];
    all(target, cases).await
}

async fn codings(target: &Target) -> Sight {
    let hidden = hidden(target);
    let fields = [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding: cow",
        "Transfer-Encoding:",
        "Transfer_Encoding: chunked",
    ];
    // Without a length that anybody takes, the body is empty and what follows is a request of its own: only the
    // codings that are taken are asked with something hidden.
    all(
        target,
        fields.map(|field| {
            let inside = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
            head(target, &format!("{field}\r\nConnection: close\r\n")) + &inside
        }),
    )
    .await
}

async fn lengths(target: &Target) -> Sight {
    let hidden = hidden(target);
    let fields = [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 5e0",
        "Content-Length: 999999999999999999999999999999",
        "Content-Length: \u{6f5}",
        "Content-Length: five",
    ];
    all(
        target,
        fields.map(|field| head(target, &format!("{field}\r\n")) + "hello" + &hidden),
    )
    .await
}

async fn field_lines(target: &Target) -> Sight {
    let hidden = hidden(target);
    let fields = [
        "Content-Length : 5\r\n",
        "X: a\r\n folded: b\r\n",
        "X: a\r\n\tContent-Length: 5\r\n",
        " X: leading\r\n",
        "X: a\0b\r\n",
        "X: a\rContent-Length: 5\r\n",
        ": nameless\r\n",
        "no colon\r\n",
        "X\u{1}: control\r\n",
        "X(y): separator\r\n",
        "X\u{e9}: no token\r\n",
    ];
    all(
        target,
        fields.map(|field| head(target, field) + "hello" + &hidden),
    )
    .await
}

async fn bare_lf(target: &Target) -> Sight {
    let host = &target.host;
    all(
        target,
        [
            format!("GET /bytes/1 HTTP/1.1\nHost: {host}\nConnection: close\n\n"),
            format!("GET /bytes/1 HTTP/1.1\r\nHost: {host}\nConnection: close\r\n\r\n"),
        ],
    )
    .await
}

async fn chunk_sizes(target: &Target) -> Sight {
    let hidden = hidden(target);
    let sizes = [
        "FFFFFFFFFFFFFFFFF\r\nx",
        "10000000000000000\r\nx",
        "-1\r\nx",
        "\r\nx",
        "g\r\nx",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
    ];
    all(
        target,
        sizes.map(|size| head(target, "Transfer-Encoding: chunked\r\n") + size + &hidden),
    )
    .await
}

async fn extensions(target: &Target) -> Sight {
    let chunked = head(target, "Transfer-Encoding: chunked\r\nConnection: close\r\n");
    let one = format!("{chunked}1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(1 << 20));
    let many = format!("{chunked}{}0\r\n\r\n", "1;ext=12345678\r\nx\r\n".repeat(20_000));
    all(target, [one, many]).await
}

async fn trailers(target: &Target) -> Sight {
    let body = head(target, "Transfer-Encoding: chunked\r\nConnection: close\r\n") + "5\r\nhello\r\n0\r\n";
    let large = format!("{body}X: {}\r\n\r\n", "t".repeat(1 << 20));
    let many = format!("{body}{}\r\n", "X: 1\r\n".repeat(10_000));
    all(target, [large, many]).await
}

async fn cut_short(target: &Target) -> Sight {
    use tokio::io::AsyncWriteExt;

    use super::raw::{SOON, listen, tcp};

    let mut sight = Sight::new();
    for body in [
        head(target, "Content-Length: 1000000\r\n") + "hello",
        head(target, "Transfer-Encoding: chunked\r\n") + "5\r\nhel",
    ] {
        let mut stream = tcp(target.http).await;
        let _ = stream.write_all(body.as_bytes()).await;
        let _ = stream.shutdown().await;
        sight.extend(listen(&mut stream, SOON).await.sight());
    }
    sight
}
