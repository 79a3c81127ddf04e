//! An API that answers badly: one clear complaint, and the stock client's exit code.

use std::time::Duration;

use adit_testing::cloudflared;
use adit_wire::OriginCertificate;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    recording_api::{ACCOUNT, ZONE},
    support::{Adit, run_in},
};

const TOKEN: &str = "tttttttttttttttttttttttttttttttttttttttt";

/// Something that listens and says the same to everybody.
struct Bad {
    url: String,
    home: TempDir,
    _tasks: JoinSet<()>,
}

impl Bad {
    async fn saying(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/client/v4", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(answer_with(stream, answer));
            }
        });
        Self {
            url,
            home: home_with_login(),
            _tasks: tasks,
        }
    }

    /// What `adit tunnel list` complains of, and the exit codes of both clients.
    async fn list(&self) -> (String, Option<i32>) {
        let outcome = run_in(
            self.home.path(),
            &[("TUNNEL_API_URL", &self.url)],
            &["tunnel", "list"],
        )
        .await;
        assert_eq!(outcome.stdout, "");
        if let Some(stock) = cloudflared::binary() {
            let home = self.home.path().display().to_string();
            let variables = [("TUNNEL_API_URL", self.url.as_str()), ("HOME", &home)];
            let theirs = cloudflared::run(&stock, variables, &["tunnel", "list"]).await;
            assert_eq!(theirs.status.code(), outcome.code);
        }
        (outcome.stderr, outcome.code)
    }
}

fn home_with_login() -> TempDir {
    let home = TempDir::new().unwrap();
    let login = OriginCertificate {
        zone: ZONE.parse().unwrap(),
        account: ACCOUNT.parse().unwrap(),
        api_token: TOKEN.to_owned(),
    };
    std::fs::create_dir(home.path().join(".cloudflared")).unwrap();
    std::fs::write(home.path().join(".cloudflared/cert.pem"), login.encode()).unwrap();
    home
}

/// Answers the head of one request, then closes.
async fn answer_with(mut stream: TcpStream, answer: &'static str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match tokio::time::timeout(Duration::from_secs(5), stream.read_u8()).await {
            Ok(Ok(byte)) => head.push(byte),
            _ => return,
        }
    }
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// An error, its cause and what to try, and no secret.
fn assert_is_one_complaint(stderr: &str) {
    let lines: Vec<_> = stderr.lines().collect();
    assert!((1..=3).contains(&lines.len()), "{stderr}");
    assert!(lines[0].starts_with("error: "), "{stderr}");
    assert!(!stderr.contains(TOKEN) && !stderr.contains('\u{1b}'), "{stderr}");
}

#[tokio::test]
async fn an_answer_that_is_none_is_one_complaint() {
    for (answer, told) in [
        (
            "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
            "status 502",
        ),
        (
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
            "status 500",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
            "TUNNEL_API_URL",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "status 200"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{\"success\":true,\"result\":[",
            "broke off",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"suc\r\nzz",
            "broke off",
        ),
        ("", "cannot reach"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "cannot reach"),
        (
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n",
            "status 429",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"success\":false,\"errors\":[{\"code\":10000,\"message\":\"no \\u001b[31mway\"}],\"messages\":[],\"result\":null}",
            "code 10000",
        ),
    ] {
        let (stderr, code) = Bad::saying(answer).await.list().await;
        assert_eq!(code, Some(1), "{answer:?}: {stderr}");
        assert_is_one_complaint(&stderr);
        assert!(stderr.contains(told), "{answer:?}: {stderr}");
    }
}

#[tokio::test]
async fn the_token_does_not_follow_to_another_place() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/client/v4", other.local_addr().unwrap());
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n");
    let bad = Bad::saying(answer.leak()).await;
    let url = [("TUNNEL_API_URL", bad.url.as_str())];
    let outcome = run_in(bad.home.path(), &url, &["tunnel", "list"]).await;
    assert_eq!(outcome.code, Some(1));
    assert_is_one_complaint(&outcome.stderr);
    assert!(outcome.stderr.contains(&place), "{outcome:?}");
    let nobody_came = tokio::time::timeout(Duration::from_millis(1), other.accept()).await;
    assert!(nobody_came.is_err());
}

#[tokio::test]
async fn a_server_with_another_certificate_or_none_is_not_the_api() {
    let adit = Adit::start(&["--no-demo"]).await;
    let home = home_with_login();
    for listener in ["https", "api"] {
        let url = format!("https://{}/client/v4", adit.listener(listener));
        let outcome = run_in(home.path(), &[("TUNNEL_API_URL", &url)], &["tunnel", "list"]).await;
        assert_eq!(outcome.code, Some(1));
        assert_is_one_complaint(&outcome.stderr);
        assert!(outcome.stderr.contains("cannot reach the API"), "{outcome:?}");
    }
}
