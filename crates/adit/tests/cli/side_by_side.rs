//! Every command that talks to the API, beside an unmodified `cloudflared` with the same words, the same home and the
//! same answers: exit code, shapes on stdout, requests, and the files that are left behind.

mod answers;

use std::{
    collections::BTreeMap,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use adit_testing::{cloudflared, skip};
use adit_wire::OriginCertificate;
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    recording_api::{ACCOUNT, RecordingApi, ZONE},
    support::Adit,
};

/// Lines of stdout that are sentences: each client has its own words for them.
const SENTENCES: [&str; 15] = [
    "You can obtain more",
    "`cloudflared tunnel info",
    "`adit tunnel info",
    "No tunnels were found",
    "No tunnel matches",
    "Tunnel credentials written to",
    "No routes were found",
    "No route matches. ",
    "No virtual networks were found",
    "No virtual network matches",
    "Your tunnel ",
    "Tunnel ",
    "You can now add",
    "This tunnel has no",
    "No connector of this tunnel",
];

/// Lines on which both clients do the same in every respect.
const SAME: &str = include_str!("side_by_side/same.txt");

/// Lines after which both clients have the same exit code, and why the rest differs.
const SAME_END: &str = include_str!("side_by_side/same_end.txt");

/// How many lines are run at a time.
const AT_A_TIME: usize = 4;

/// What a command left behind.
#[derive(Debug, PartialEq)]
struct Left {
    code: Option<i32>,
    shapes: String,
    asked: Vec<String>,
    files: BTreeMap<String, (u32, String)>,
}

/// Both clients and the API that they ask.
struct Both {
    api: RecordingApi,
    stock: PathBuf,
    ours: PathBuf,
    _links: TempDir,
}

impl Both {
    async fn new(stock: PathBuf) -> Self {
        let links = TempDir::new().unwrap();
        let ours = links.path().join("cloudflared");
        symlink(env!("CARGO_BIN_EXE_adit"), &ours).unwrap();
        Self {
            api: RecordingApi::start(answers::answers).await,
            stock,
            ours,
            _links: links,
        }
    }

    /// Runs a line in a home of its own; `@` in it is that home. What it left, and what it said on stderr.
    async fn run(&self, program: &Path, line: &str) -> (Left, String) {
        let home = TempDir::new().unwrap();
        let directory = home.path().join(".cloudflared");
        std::fs::create_dir(&directory).unwrap();
        let login = OriginCertificate {
            zone: ZONE.parse().unwrap(),
            account: ACCOUNT.parse().unwrap(),
            api_token: "t".repeat(40),
        };
        std::fs::write(directory.join("cert.pem"), login.encode()).unwrap();
        std::fs::write(home.path().join("c.yml"), answers::CONFIGURATION).unwrap();
        let place = home.path().display().to_string();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("NO_AUTOUPDATE", "true")
            .env("TUNNEL_API_URL", self.api.url())
            .args(words(line).iter().map(|word| word.replace('@', &place)))
            .current_dir(home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(30), command.output())
            .await
            .unwrap_or_else(|_| panic!("{line:?} did not end"))
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&place, "@");
        let shapes = shapes(&text(output.stdout));
        let asked = self.api.asked().await;
        let left = Left {
            code: output.status.code(),
            shapes,
            asked: asked
                .iter()
                .map(|asked| without_secret(asked, "\"tunnel_secret\":\""))
                .collect(),
            files: files(&directory, home.path()),
        };
        (left, text(output.stderr))
    }

    /// Runs a line in both.
    async fn compare(&self, line: &str) -> (Left, Left, String) {
        let (theirs, their_words) = self.run(&self.stock, line).await;
        let (ours, our_words) = self.run(&self.ours, line).await;
        (
            theirs,
            ours,
            format!("stock: {}\nours: {}", their_words.trim(), our_words.trim()),
        )
    }
}

/// What was printed without its sentences.
fn shapes(printed: &str) -> String {
    let is_sentence = |line: &&str| SENTENCES.iter().any(|sentence| line.starts_with(sentence));
    printed
        .lines()
        .filter(|line| !is_sentence(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Words are separated by blanks; `_` within one is a blank.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| word.replace('_', " ")).collect()
}

/// Secrets are random.
fn without_secret(text: &str, name: &str) -> String {
    match text.split_once(name) {
        Some((before, rest)) => {
            let (secret, after) = rest.split_once('"').unwrap();
            assert_eq!(secret.len(), 44, "32 bytes in base64");
            format!("{before}{name}{after}")
        }
        None => text.to_owned(),
    }
}

/// The files that were made, with mode and contents.
fn files(directory: &Path, home: &Path) -> BTreeMap<String, (u32, String)> {
    let entries = |directory: &Path| std::fs::read_dir(directory).unwrap();
    entries(directory)
        .chain(entries(home))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            let name = path.strip_prefix(home).unwrap().display().to_string();
            (name, (mode, without_secret(&content, "\"TunnelSecret\":\"")))
        })
        .collect()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Compares those lines of [`SAME`], some at a time.
async fn compare_all(test: &str, wanted: impl Fn(&str) -> bool) {
    let Some(stock) = cloudflared::binary() else {
        return skip(test, cloudflared::ABSENT);
    };
    let all: Vec<_> = lines(SAME).filter(|line| wanted(line)).collect();
    let parts = all.chunks(all.len().div_ceil(AT_A_TIME)).map(async |part| {
        let both = Both::new(stock.clone()).await;
        let mut different = Vec::new();
        for line in part {
            let (theirs, ours, words) = both.compare(line).await;
            if theirs != ours {
                different.push(format!("{line}\nstock: {theirs:#?}\nours: {ours:#?}\n{words}"));
            }
        }
        different
    });
    let different = join_all(parts).await.concat();
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

fn is_of_networks(line: &str) -> bool {
    line.contains(" route ") || line.contains(" vnet ")
}

#[tokio::test]
async fn commands_of_tunnels_do_what_the_stock_client_does() {
    let test = "commands_of_tunnels_do_what_the_stock_client_does";
    compare_all(test, |line| !is_of_networks(line)).await;
}

#[tokio::test]
async fn commands_of_routes_and_networks_do_what_the_stock_client_does() {
    let test = "commands_of_routes_and_networks_do_what_the_stock_client_does";
    compare_all(test, is_of_networks).await;
}

#[tokio::test]
async fn commands_that_fail_end_as_the_stock_client_ends() {
    let Some(stock) = cloudflared::binary() else {
        return skip(
            "commands_that_fail_end_as_the_stock_client_ends",
            cloudflared::ABSENT,
        );
    };
    let both = Both::new(stock).await;
    let mut different = Vec::new();
    for line in lines(SAME_END) {
        let (theirs, ours, words) = both.compare(line).await;
        if theirs.code != ours.code {
            different.push(format!("{line}: {:?} and {:?}\n{words}", theirs.code, ours.code));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

#[tokio::test]
async fn of_our_own_api_both_clients_print_the_same() {
    let Some(stock) = cloudflared::binary() else {
        return skip("of_our_own_api_both_clients_print_the_same", cloudflared::ABSENT);
    };
    let adit = Adit::start(&["--no-demo"]).await;
    for line in [
        "tunnel create shop",
        "tunnel create a-name-that-is-longer",
        "tunnel vnet add lab a_note:_of_mine",
        "tunnel route ip add --vnet lab 10.1.0.0/16 shop an_office",
        "tunnel route ip add 2001:db8::/32 shop",
        "tunnel route dns shop shop.adit.localhost",
    ] {
        let words = words(line);
        let made = adit
            .command(&words.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
        assert_eq!(made.code, Some(0), "{line}: {made:?}");
    }
    for line in [
        "tunnel list",
        "tunnel list -o json",
        "tunnel list -o yaml",
        "tunnel list -n shop",
        "tunnel list -enp shop",
        "tunnel --max-fetch-size 1 list",
        "tunnel info shop",
        "tunnel info -o json shop",
        "tunnel info -o yaml shop",
        "tunnel token shop",
        "tunnel vnet list",
        "tunnel vnet list -o json",
        "tunnel vnet list -o yaml",
        "tunnel vnet list --is-default",
        "tunnel route ip show",
        "tunnel route ip show -o json",
        "tunnel route ip show -o yaml",
        "tunnel route ip get --vnet lab 10.1.2.3",
        "tunnel route ip get 2001:db8::1",
        "tunnel route ip get 192.0.2.1",
        "tunnel create shop",
        "tunnel route dns shop shop.adit.localhost",
        "tunnel cleanup shop",
        "tunnel delete nobody",
    ] {
        let words = words(line);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let theirs = cloudflared::run(&stock, adit.variables().await, &words).await;
        let ours = adit.command(&words).await;
        assert_eq!(ours.code, theirs.status.code(), "{line}: {ours:?} {theirs:?}");
        let theirs = String::from_utf8(theirs.stdout).unwrap();
        assert_eq!(shapes(&ours.stdout), shapes(&theirs), "{line}");
    }
}
