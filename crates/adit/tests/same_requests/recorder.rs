//! An origin that writes down what it is asked, byte for byte, and answers by a script.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
    task::JoinSet,
};

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    line: String,
    /// By name, as written; values of one name stay in their order.
    headers: Vec<(String, String)>,
    /// Without its coding.
    body: Vec<u8>,
}

type Book = Arc<Mutex<Vec<Recorded>>>;

/// The origin, on a port and behind a Unix socket.
pub(crate) struct Recorder {
    pub(crate) addr: SocketAddr,
    pub(crate) unix: PathBuf,
    book: Book,
    _serving: JoinSet<()>,
}

impl Recorded {
    pub(crate) fn lines(&self) -> Vec<String> {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        let body = format!("body: {}", self.body.escape_ascii());
        [self.line.clone()]
            .into_iter()
            .chain(headers)
            .chain([body])
            .collect()
    }
}

impl Recorder {
    pub(crate) async fn start(unix: PathBuf) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = tcp.local_addr().unwrap();
        let socket = UnixListener::bind(&unix).unwrap();
        let (book, mut serving) = (Book::default(), JoinSet::new());
        let of_tcp = Arc::clone(&book);
        serving.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = tcp.accept().await {
                clients.spawn(serve(client, Arc::clone(&of_tcp)));
            }
        });
        let of_unix = Arc::clone(&book);
        serving.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = socket.accept().await {
                clients.spawn(serve(client, Arc::clone(&of_unix)));
            }
        });
        Self {
            addr,
            unix,
            book,
            _serving: serving,
        }
    }

    /// What came since it was last asked for.
    pub(crate) fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.book.lock().unwrap())
    }
}

async fn serve(mut client: impl AsyncRead + AsyncWrite + Unpin, book: Book) {
    while let Some(request) = read(&mut client).await {
        let path = request.line.split(' ').nth(1).unwrap_or_default().to_owned();
        book.lock().unwrap().push(request);
        let (answer, stays) = answer(&path);
        if client.write_all(answer).await.is_err() || !stays {
            return;
        }
    }
}

async fn read(client: &mut (impl AsyncRead + Unpin)) -> Option<Recorded> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next()?.to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    let mut headers: Vec<(String, String)> = lines.filter_map(header).collect();
    headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let find = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.clone())
    };
    let mut body = Vec::new();
    if find("transfer-encoding").is_some() {
        loop {
            let size = text_line(client).await?;
            let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
            let mut chunk = vec![0; size];
            client.read_exact(&mut chunk).await.ok()?;
            body.extend(chunk);
            text_line(client).await?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = find("content-length") {
        body = vec![0; length.parse().ok()?];
        client.read_exact(&mut body).await.ok()?;
    }
    // A connector's id is its own.
    for (name, value) in &mut headers {
        if ["cf-warp-tag-id", "cf-ray"]
            .iter()
            .any(|varies| name.eq_ignore_ascii_case(varies))
        {
            "(one)".clone_into(value);
        }
    }
    Some(Recorded { line, headers, body })
}

async fn text_line(client: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(client.read_u8().await.ok()?);
    }
    String::from_utf8(line).ok()
}

/// The answer for a path, and whether the connection goes on.
fn answer(path: &str) -> (&'static [u8], bool) {
    let path = path.split('?').next().unwrap_or_default();
    match path {
        "/304" => (b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 9\r\n\r\n", true),
        "/204" => (b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", true),
        "/sized" => (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Type: text/plain\r\n\r\n", true),
        "/103" => (
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            true,
        ),
        "/chunked" => (
            b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
            true,
        ),
        "/until-close" => (b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nuntil the end", false),
        // Of an empty file.
        "/gzip" => (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0",
            true,
        ),
        "/cookies" => (
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n",
            true,
        ),
        "/302" => (b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", true),
        "/500" => (b"HTTP/1.1 500 Oh No\r\nContent-Length: 4\r\n\r\noops", true),
        "/odd" => (
            b"HTTP/1.1 200 OK\r\nServer: me\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 9\r\nX-UPPER: 1\r\nx-lower: 2\r\nX-Empty:\r\nVary: a\r\nVary: b\r\nProxy-Authenticate: Basic\r\nAlt-Svc: h3=\":1\"\r\nContent-Length: 1\r\n\r\nx",
            true,
        ),
        "/events" => (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\ndata: 1\n\n",
            false,
        ),
        "/ws" => (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\nX-A: b\r\n\r\n\x82\x02hi",
            false,
        ),
        _ => (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok", true),
    }
}
