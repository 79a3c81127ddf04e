//! `tunnel diag`: what it collects, what it masks, and the archive.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs::File,
    io::Read,
    net::SocketAddr,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Stdio,
};

use adit_testing::{
    cloudflared::{self, Cloudflared, Options, Protocol},
    origin::Origin,
    skip,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command, task::JoinSet};

use crate::support::{Adit, Outcome, run_in};

const SECRET: &str = "eyJhIjoiNjk5ZDk4NjQyYzU2NGQyZTg1NWU5NjYxODk5YjcyNTIifQ==";

/// A connector's local listener, of which only the words are there.
struct Instance {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Instance {
    async fn start(log: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let log = log.display().to_string();
                let service = service_fn(move |request| answer(request, log.clone()));
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}

async fn answer(request: Request<Incoming>, log: String) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = match request.uri().path() {
        "/diag/tunnel" => (
            200,
            json!({"tunnelID": "t", "connectorID": "c", "connections": []}).to_string(),
        ),
        "/diag/configuration" => (
            200,
            json!({"uid": "1000", "logfile": log, "token": SECRET}).to_string(),
        ),
        "/config" => (
            200,
            json!({"version": 1, "config": {"url": "http://ada:pass@origin"}}).to_string(),
        ),
        "/diag/system" => (200, "no JSON".to_owned()),
        "/metrics" => (200, format!("build_info 1\n# {SECRET}\n")),
        _ => (404, "no such thing".to_owned()),
    };
    let response = Response::builder().status(status);
    Ok(response.body(Full::from(text)).unwrap())
}

/// The archive that a command left in a directory, by file.
fn archive(directory: &Path) -> BTreeMap<String, String> {
    let paths = directory.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let path = paths
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "zip"))
        .unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with("cloudflared-diag-20") && !name.contains(':'),
        "{name}"
    );
    let mut archive = zip::ZipArchive::new(File::open(&path).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let name = file.name().unwrap().into_owned();
        files.insert(name, String::from_utf8_lossy(&content).into_owned());
    }
    files
}

async fn diag(home: &Path, args: &[&str]) -> Outcome {
    run_in(home, &[], &[&["tunnel", "diag"], args].concat()).await
}

#[tokio::test]
async fn an_archive_has_what_was_collected_and_no_secret() {
    let home = TempDir::new().unwrap();
    let log = home.path().join("connector.log");
    std::fs::write(&log, format!("started\nwith --token {SECRET}\n")).unwrap();
    let instance = Instance::start(log).await;
    let outcome = diag(home.path(), &["--metrics", &instance.address.to_string()]).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let files = archive(home.path());
    assert!(
        files
            .values()
            .all(|text| !text.contains("eyJ") && !text.contains("pass@")),
        "{files:?}"
    );
    assert!(
        !outcome.stdout.contains("eyJ") && !outcome.stderr.contains("eyJ"),
        "{outcome:?}"
    );
    assert_eq!(files["cloudflared_logs.txt"], "started\nwith --token [masked]\n");
    assert_eq!(files["metrics.txt"], "build_info 1\n# [masked]\n");
    let results: Value = serde_json::from_str(&files["task-result.json"]).unwrap();
    for (job, result) in [
        ("tunnel state", "success"),
        ("metrics", "success"),
        ("log information", "success"),
        ("cli configuration", "success"),
        ("configuration", "success"),
        ("goroutine profile", "absent"),
        ("heap profile", "absent"),
        ("system information", "failure"),
        ("network information", "failure"),
    ] {
        assert_eq!(results[job]["result"], result, "{job}: {results}");
        let row = outcome
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{job} ")))
            .unwrap();
        assert!(row.contains(result), "{row}");
    }
    let zip = outcome.stdout.lines().last().unwrap().rsplit(' ').next().unwrap();
    let mode = std::fs::metadata(home.path().join(zip))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn what_is_left_out_is_not_collected() {
    let home = TempDir::new().unwrap();
    let instance = Instance::start(PathBuf::new()).await;
    let address = format!("http://{}", instance.address);
    let flags = [
        "--no-diag-logs",
        "--no-diag-metrics",
        "--no-diag-system",
        "--no-diag-runtime",
        "--no-diag-network",
    ];
    let outcome = diag(home.path(), &[&["--metrics", &address], &flags[..]].concat()).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let files: Vec<_> = archive(home.path()).into_keys().collect();
    assert_eq!(
        files,
        [
            "cli-configuration.json",
            "configuration.json",
            "task-result.json",
            "tunnelstate.json"
        ]
    );
}

#[tokio::test]
async fn a_stock_connector_is_diagnosed_as_by_the_stock_client() {
    let test = "a_stock_connector_is_diagnosed_as_by_the_stock_client";
    let Some(stock) = cloudflared::binary() else {
        return skip(test, cloudflared::ABSENT);
    };
    let adit = Adit::start(&["--no-demo"]).await;
    let origin = Origin::start().await;
    adit.command(&["tunnel", "create", "shop"]).await;
    let token = adit.command(&["tunnel", "token", "shop"]).await.stdout;
    let options = Options::new(
        &stock,
        adit.listener("edge"),
        &adit.dir().join("ca.pem"),
        token.trim(),
    )
    .over(Protocol::Quic)
    .serving(&origin.url());
    let mut connector = Cloudflared::start_ready(&options, 4).await;
    let metrics = connector.metrics().to_string();

    let links = TempDir::new().unwrap();
    let ours = links.path().join("cloudflared");
    symlink(env!("CARGO_BIN_EXE_adit"), &ours).unwrap();
    let mut names = Vec::new();
    for program in [&stock, &ours] {
        let home = TempDir::new().unwrap();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/bin:/bin")
            .args([
                "tunnel",
                "diag",
                "--metrics",
                &metrics,
                "--no-diag-network",
                "--no-diag-logs",
            ])
            .current_dir(home.path())
            .stdin(Stdio::null());
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let files = archive(home.path());
        let state: Value = serde_json::from_str(&files["tunnelstate.json"]).unwrap();
        assert_eq!(state["connections"].as_array().unwrap().len(), 4, "{state}");
        names.push(files.into_keys().collect::<Vec<_>>());
    }
    assert_eq!(names[0], names[1]);
    connector.process.terminate().await;
}
