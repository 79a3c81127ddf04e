//! An API that notes what it is asked and gives prepared answers.

use std::{convert::Infallible, path::PathBuf, sync::Arc};

use adit_wire::OriginCertificate;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Mutex, task::JoinSet};

use crate::support::{Outcome, run_in};

pub(crate) const ACCOUNT: &str = "699d98642c564d2e855e9661899b7252";
pub(crate) const ZONE: &str = "ffffffffffffffffffffffffffffffff";
pub(crate) const BLOG: &str = "c1744f8b-faa1-48a4-9e5c-02ac921467fa";
pub(crate) const SHOP: &str = "d1744f8b-faa1-48a4-9e5c-02ac921467fb";
pub(crate) const TIME: &str = "2025-02-18T22:41:43.534395Z";

/// Answers a method and a path (with its query, below the base): a status and the envelope.
pub(crate) type Answers = fn(&str, &str) -> (u16, Value);

pub(crate) struct RecordingApi {
    url: String,
    home: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl RecordingApi {
    pub(crate) async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/client/v4", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, answers, Arc::clone(&asked)));
        let home = TempDir::new().unwrap();
        let login = OriginCertificate {
            zone: ZONE.parse().unwrap(),
            account: ACCOUNT.parse().unwrap(),
            api_token: "t".repeat(40),
        };
        std::fs::write(home.path().join("cert.pem"), login.encode()).unwrap();
        Self {
            url,
            home,
            asked,
            _tasks: tasks,
        }
    }

    /// The base of its paths.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A file beside `cert.pem`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs `adit tunnel …` against it.
    pub(crate) async fn tunnel(&self, args: &[&str]) -> Outcome {
        self.run(&[&["tunnel"], args].concat()).await
    }

    /// Runs a command against it.
    pub(crate) async fn run(&self, args: &[&str]) -> Outcome {
        let cert = self.file("cert.pem").display().to_string();
        let variables = [
            ("TUNNEL_API_URL", self.url.as_str()),
            ("TUNNEL_ORIGIN_CERT", cert.as_str()),
        ];
        run_in(self.home.path(), &variables, args).await
    }

    /// What it was asked since the last call: method, path below the account, body.
    pub(crate) async fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().await)
    }
}

async fn serve(listener: TcpListener, answers: Answers, asked: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let asked = Arc::clone(&asked);
        let service = service_fn(move |request| answer(request, answers, Arc::clone(&asked)));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let expected = format!("Bearer {}", "t".repeat(40));
    assert_eq!(request.headers()["authorization"], expected.as_str());
    assert_eq!(request.headers()["accept"], "application/json;version=1");
    let method = request.method().to_string();
    let target = request.uri().to_string();
    let target = target.strip_prefix("/client/v4").unwrap();
    let target = target
        .strip_prefix(&format!("/accounts/{ACCOUNT}"))
        .unwrap_or(target)
        .to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    asked
        .lock()
        .await
        .push(format!("{method} {target} {body}").trim_end().to_owned());
    let (status, envelope) = answers(&method, &target);
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    Ok(response.body(Full::from(envelope.to_string())).unwrap())
}

pub(crate) fn ok(result: Value) -> (u16, Value) {
    (
        200,
        json!({"success": true, "errors": [], "messages": [], "result": result}),
    )
}

pub(crate) fn list(items: Vec<Value>) -> (u16, Value) {
    let count = items.len();
    let info = json!({"count": count, "page": 1, "per_page": 1000, "total_count": count});
    (
        200,
        json!({"success": true, "errors": [], "messages": [], "result": items, "result_info": info}),
    )
}

pub(crate) fn refused(status: u16, code: u16, message: &str) -> (u16, Value) {
    let errors = json!([{"code": code, "message": message}]);
    (
        status,
        json!({"success": false, "errors": errors, "messages": [], "result": null}),
    )
}

pub(crate) fn tunnel(id: &str, name: &str, connections: Vec<Value>) -> Value {
    json!({
        "id": id, "account_tag": ACCOUNT, "name": name, "created_at": TIME, "deleted_at": null,
        "connections": connections, "conns_active_at": null, "conns_inactive_at": TIME, "tun_type": "cfd_tunnel",
        "metadata": {}, "status": "inactive", "config_src": "local", "remote_config": false,
    })
}

pub(crate) fn connection(location: &str) -> Value {
    json!({
        "id": "1bedc50d-42b3-473c-b108-ff3d10c0d925", "uuid": "1bedc50d-42b3-473c-b108-ff3d10c0d925",
        "client_id": "aaaaaaaa-42b3-473c-b108-ff3d10c0d925", "client_version": "2026.8.2", "colo_name": location,
        "is_pending_reconnect": false, "opened_at": TIME, "origin_ip": "10.1.0.137",
    })
}
