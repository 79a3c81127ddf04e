//! Files that were written for the stock client, where it looks for them.

use adit_testing::{client, netns, process::Signal, skip, wait_for};
use tokio::process::Command;

use crate::scene::{Program, Scene};

/// As somebody has it who serves two names of a machine. `{…}` is filled in.
const CONFIG: &str = "\
# The tunnel of the living room.
tunnel: {tunnel}
credentials-file: {credentials}
protocol: quic
loglevel: info
metrics: 127.0.0.1:0
no-autoupdate: true
grace-period: 1s
retries: 5
originRequest:
  connectTimeout: 30s
  noTLSVerify: true
warp-routing:
  enabled: true
ingress:
  - hostname: hello.example.com
    service: hello_world
  - hostname: \"*.teapot.example.com\"
    path: /pot/.*
    service: http_status:418
    originRequest:
      httpHostHeader: pot.local
      keepAliveConnections: 10
  - service: http_status:404
";

impl Scene {
    fn config(&self, credentials: &str) -> String {
        CONFIG
            .replace("{tunnel}", &self.token.tunnel.tunnel.to_string())
            .replace("{credentials}", credentials)
    }

    async fn serves_what_the_file_says(&self) {
        for (host, path, status) in [
            ("hello.example.com", "/", 200),
            ("one.teapot.example.com", "/pot/1", 418),
            ("one.teapot.example.com", "/cup", 404),
            ("other.example.com", "/", 404),
        ] {
            assert_eq!(self.status_of(host, path).await, status, "{host}{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_in_the_home_is_found_and_served() {
    for program in Program::both("the_configuration_in_the_home_is_found_and_served") {
        let scene = Scene::build();
        let name = format!(".cloudflared/{}.json", scene.token.tunnel.tunnel);
        let credentials = scene.write(&name, &scene.credentials());
        scene.write(
            ".cloudflared/config.yml",
            &scene.config(credentials.to_str().unwrap()),
        );
        let mut running = scene.start(&program, scene.command(&program, &["tunnel", "run"]));
        scene.registered(4).await;
        scene.serves_what_the_file_says().await;

        let metrics = running.metrics().await;
        let served = client::get(metrics, "localhost", "/config").await.unwrap().json();
        let services = served["config"]["ingress"].as_array().unwrap().iter();
        let services: Vec<_> = services.map(|rule| rule["service"].as_str().unwrap()).collect();
        assert_eq!(services[1..], ["http_status:418", "http_status:404"], "{program}");
        assert!(running.0.terminate().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_beside_the_login_are_found_by_the_tunnels_id() {
    for program in Program::both("credentials_beside_the_login_are_found_by_the_tunnels_id") {
        let scene = Scene::build();
        let id = scene.token.tunnel.tunnel.to_string();
        scene.write(&format!(".cloudflared/{id}.json"), &scene.credentials());
        let words = [
            "tunnel",
            "--hello-world",
            "--metrics",
            "127.0.0.1:0",
            "--grace-period",
            "1s",
            "run",
            &id,
        ];
        let mut running = scene.start(&program, scene.command(&program, &words));
        scene.registered(4).await;
        assert_eq!(scene.status_of("any.example.com", "/").await, 200);
        assert!(running.0.terminate().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_the_first_versions_are_those_of_the_tunnel_that_is_named() {
    let test = "credentials_of_the_first_versions_are_those_of_the_tunnel_that_is_named";
    for program in Program::both(test) {
        let scene = Scene::build();
        let id = scene.token.tunnel.tunnel.to_string();
        let whole: serde_json::Value = serde_json::from_str(&scene.credentials()).unwrap();
        let mut old = whole.clone();
        old.as_object_mut().unwrap().remove("TunnelID").unwrap();
        // What a file says of its tunnel does not count where another one is named.
        let mut others = whole;
        others["TunnelID"] = "d1744f8b-faa1-48a4-9e5c-02ac921467fb".into();
        let old_text = old.to_string();
        let old = scene.write("old.json", &old_text);
        let others = scene.write("others.json", &others.to_string());
        let config = format!("tunnel: {id}\ncredentials-file: {}\n", old.display());
        let config = scene.write("config.yml", &config);
        for (flags, words) in [
            (["--config", config.to_str().unwrap()], &["run"][..]),
            (
                ["--ha-connections", "1"],
                &["run", "--credentials-contents", &old_text, &id],
            ),
            (["--cred-file", others.to_str().unwrap()], &["run", &id]),
        ] {
            let all = [
                "tunnel",
                "--hello-world",
                "--metrics",
                "127.0.0.1:0",
                "--grace-period",
                "1s",
            ];
            let all = [&all[..], &flags, words].concat();
            let mut running = scene.start(&program, scene.command(&program, &all));
            scene.registered(1).await;
            let live = scene.edge.live();
            let tunnels = live.iter().map(|at| at.request().tunnel.to_string());
            assert!(
                tunnels.into_iter().all(|tunnel| tunnel == id),
                "{program}: {all:?}"
            );
            assert!(running.0.terminate().await.success());
            scene.is_left().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_speaks_of_a_key_that_says_nothing_and_the_tunnel_runs() {
    for program in Program::both("nobody_speaks_of_a_key_that_says_nothing_and_the_tunnel_runs") {
        let scene = Scene::build();
        let credentials = scene.write("c.json", &scene.credentials());
        let config = scene.config(credentials.to_str().unwrap());
        let config = format!("no-such-key: 5\n{config}    odd-key: 1\n");
        let config = scene.write("config.yml", &config);
        let words = ["tunnel", "--config", config.to_str().unwrap(), "run"];
        let mut running = scene.start(&program, scene.command(&program, &words));
        scene.registered(4).await;
        scene.serves_what_the_file_says().await;
        assert!(
            !running.has_line(&["no-such-key"]) && !running.has_line(&["odd-key"]),
            "{program}"
        );
        assert!(running.0.terminate().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pid_file_is_written_once_the_tunnel_is_connected() {
    for program in Program::both("a_pid_file_is_written_once_the_tunnel_is_connected") {
        let scene = Scene::build();
        let pid_file = scene.file("cloudflared.pid");
        let words = [
            "tunnel",
            "--hello-world",
            "--metrics",
            "127.0.0.1:0",
            "--grace-period",
            "1s",
            "--pidfile",
        ];
        let words = [&words[..], &[pid_file.to_str().unwrap(), "run"]].concat();
        let mut command = scene.command(&program, &words);
        command.env("TUNNEL_TOKEN", scene.token.encode());
        let mut running = scene.start(&program, command);
        scene.registered(1).await;
        let id = running.0.id().to_string();
        wait_for("the pid file", async || {
            std::fs::read_to_string(&pid_file).is_ok_and(|text| text.trim() == id)
        })
        .await;
        running.0.signal(Signal::INT);
        assert_eq!(running.0.ended().await.code(), Some(0), "{program}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_below_etc_is_found_and_served() {
    let name = "the_configuration_below_etc_is_found_and_served";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    for program in Program::both(name) {
        let scene = Scene::build();
        scene.write("upper/cloudflared/credentials.json", &scene.credentials());
        scene.write(
            "upper/cloudflared/config.yml",
            &scene.config("/etc/cloudflared/credentials.json"),
        );
        std::fs::create_dir(scene.file("work")).unwrap();
        // This machine's /etc stays as it is: the program sees another one, with two files more.
        let script = "mount -t overlay overlay -o lowerdir=/etc,upperdir=$HOME/upper,workdir=$HOME/work /etc && exec \"$@\"";
        let stock = scene.command(&program, &[]);
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"])
            .arg(program.path())
            .args(["--no-autoupdate", "tunnel", "run"])
            .env_clear()
            .envs(
                stock
                    .as_std()
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        let mut running = scene.start(&program, command);
        scene.registered(4).await;
        scene.serves_what_the_file_says().await;
        assert!(running.0.terminate().await.success());
    }
}
