//! `service install` and `uninstall`, on a machine of their own: /etc and /run of a mount namespace, and a `systemctl` that
//! notes what it is told.

use std::{os::unix::fs::PermissionsExt, path::Path};

use adit_testing::skip;
use adit_wire::TunnelToken;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{Outcome, run};

const TOKEN: &str = "eyJhIjoiNjk5ZDk4NjQyYzU2NGQyZTg1NWU5NjYxODk5YjcyNTIiLCJzIjoiZUhoNGVIaDRlSGg0ZUhoNGVIaDRlSGg0ZUhoNGVIaDRlSGg0ZUhoNGVIZz0iLCJ0IjoiYzE3NDRmOGItZmFhMS00OGE0LTllNWMtMDJhYzkyMTQ2N2ZhIn0=";

/// A machine that systemd seems to run.
const MACHINE: &str = "\
mount -t tmpfs none /etc && mount -t tmpfs none /run && mkdir -p /run/systemd/system /etc/systemd/system || exit 99
";

struct Machine {
    home: TempDir,
}

impl Machine {
    /// `None` where namespaces cannot be made.
    async fn new(test: &str) -> Option<Self> {
        let home = TempDir::new().unwrap();
        let tool = home.path().join("systemctl");
        std::fs::write(&tool, "#!/bin/sh\necho \"systemctl $*\"\n").unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["cloudflared", "adit"] {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_adit"), home.path().join(name)).unwrap();
        }
        let machine = Self { home };
        if machine.run("true").await.code == Some(0) {
            return Some(machine);
        }
        skip(test, "no mount namespace can be made: it needs root");
        None
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    /// Runs a script as the machine's root.
    async fn run(&self, script: &str) -> Outcome {
        let output = Command::new("unshare")
            .args(["-m", "sh", "-c", &format!("{MACHINE}{script}")])
            .env_clear()
            .env("HOME", self.path())
            .env("TOKEN", TOKEN)
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", self.path().display()),
            )
            .current_dir(self.path())
            .output()
            .await
            .unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[tokio::test]
async fn with_a_token_the_service_is_that_of_the_stock_client() {
    let test = "with_a_token_the_service_is_that_of_the_stock_client";
    let Some(machine) = Machine::new(test).await else {
        return;
    };
    let script = "cloudflared service install $TOKEN || exit 1
        cat /etc/systemd/system/cloudflared.service /etc/cloudflared/token; stat -c %a /etc/cloudflared/token
        cloudflared service install $TOKEN; echo again $?
        cloudflared service uninstall || exit 2
        ls /etc/systemd/system /etc/cloudflared";
    let outcome = machine.run(script).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let text = &outcome.stdout;
    let program = machine.path().join("cloudflared");
    let line = format!(
        "ExecStart={} --no-autoupdate tunnel run --token-file /etc/cloudflared/token\n",
        program.display()
    );
    assert!(text.contains(&line), "{text}");
    assert!(text.contains(&format!("{TOKEN}600\n")), "{text}");
    assert!(TunnelToken::parse(TOKEN).is_ok());
    assert!(text.contains("again 1\n"), "{text}");
    assert!(outcome.stderr.contains("installed already"), "{outcome:?}");
    assert!(
        !outcome.stderr.contains(TOKEN),
        "a credential stays out of messages"
    );
    assert!(
        text.ends_with("/etc/cloudflared:\n\n/etc/systemd/system:\n"),
        "{text}"
    );
}

#[tokio::test]
async fn systemctl_is_told_to_enable_and_start_and_to_stop_and_disable() {
    let test = "systemctl_is_told_to_enable_and_start_and_to_stop_and_disable";
    let Some(machine) = Machine::new(test).await else {
        return;
    };
    let noting = "printf '#!/bin/sh\\necho \"$*\" >> /run/told\\n' > systemctl";
    let script = format!(
        "{noting}; cloudflared service install $TOKEN && cloudflared service uninstall; cat /run/told"
    );
    let outcome = machine.run(&script).await;
    let unit = "cloudflared.service";
    assert_eq!(
        outcome.stdout,
        format!("enable {unit}\ndaemon-reload\nstart {unit}\ndisable {unit}\nstop {unit}\ndaemon-reload\n"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn without_a_token_the_configuration_file_is_copied() {
    let test = "without_a_token_the_configuration_file_is_copied";
    let Some(machine) = Machine::new(test).await else {
        return;
    };
    let script = "printf 'tunnel: a\\n' > short.yml
        printf 'tunnel: a\\ncredentials-file: /root/a.json\\n' > whole.yml
        cloudflared service install; echo none $?
        cloudflared --config short.yml service install; echo short $?
        cloudflared --config whole.yml service install; echo whole $?
        cmp whole.yml /etc/cloudflared/config.yml && grep ExecStart /etc/systemd/system/cloudflared.service";
    let outcome = machine.run(script).await;
    let program = machine.path().join("cloudflared");
    let wanted = format!(
        "none 1\nshort 1\nwhole 0\nExecStart={} --no-autoupdate --config /etc/cloudflared/config.yml tunnel run\n",
        program.display()
    );
    assert_eq!(outcome.stdout, wanted, "{outcome:?}");
}

#[tokio::test]
async fn as_adit_the_service_has_names_of_its_own_and_needs_an_edge() {
    let test = "as_adit_the_service_has_names_of_its_own_and_needs_an_edge";
    let Some(machine) = Machine::new(test).await else {
        return;
    };
    let script = "adit service install $TOKEN; echo without $?; ls /etc/adit-connector
        TUNNEL_EDGE=edge.example.com:7844 adit service install $TOKEN; echo with $?
        grep -e Environment -e ExecStart /etc/systemd/system/adit-connector.service";
    let outcome = machine.run(script).await;
    let program = machine.path().join("adit");
    let wanted = format!(
        "without 2\nwith 0\nEnvironment=TUNNEL_EDGE=edge.example.com:7844\n\
         ExecStart={} tunnel run --token-file /etc/adit-connector/token\n",
        program.display()
    );
    assert_eq!(outcome.stdout, wanted, "{outcome:?}");
}

#[tokio::test]
async fn a_service_that_cannot_be_started_leaves_nothing_behind() {
    let test = "a_service_that_cannot_be_started_leaves_nothing_behind";
    let Some(machine) = Machine::new(test).await else {
        return;
    };
    let script = "printf '#!/bin/sh\\necho no bus >&2; exit 1\\n' > systemctl
        cloudflared service install $TOKEN; echo $?; ls /etc/cloudflared /etc/systemd/system";
    let outcome = machine.run(script).await;
    let nothing = "1\n/etc/cloudflared:\n\n/etc/systemd/system:\n";
    assert_eq!(outcome.stdout, nothing, "{outcome:?}");
    assert!(
        outcome.stderr.contains("`systemctl enable cloudflared.service`")
            && outcome.stderr.contains("no bus"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_bad_token_and_an_absent_systemd_are_told() {
    let outcome = run(&[], &["service", "install", "no-token"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("token"), "{outcome:?}");
    if !Path::new("/run/systemd/system").exists() {
        let outcome = run(&[], &["service", "uninstall"]).await;
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains("systemd"), "{outcome:?}");
    }
}
