//! `adit tunnel ingress …` beside the stock client's.

use adit_testing::cloudflared;
use tempfile::TempDir;

use crate::support::run_in;

const CONFIG: &str = "tunnel: shop\ncredentials-file: /x.json\ningress:\n  - hostname: a.example.com\n    path: /api/.*\n    \
                      service: http://localhost:8000\n    originRequest:\n      connectTimeout: 5s\n      noTLSVerify: true\n  \
                      - hostname: \"*.example.com\"\n    service: https://localhost:9000\n  - service: http_status:404\n";

#[tokio::test]
async fn the_rule_of_a_url_is_shown_as_the_stock_client_shows_it() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("c.yml");
    std::fs::write(&file, CONFIG).unwrap();
    let config = file.to_str().unwrap();
    for (url, shown) in [
        (
            "https://a.example.com/api/x",
            "Matched rule #0\n\thostname: a.example.com\n\tpath: /api/.*\n\tservice: http://localhost:8000\n",
        ),
        (
            "https://b.example.com/",
            "Matched rule #1\n\thostname: *.example.com\n\tservice: https://localhost:9000\n",
        ),
        (
            "https://c.test/x?y",
            "Matched rule #2\n\tservice: http_status:404\n",
        ),
    ] {
        let args = ["tunnel", "--config", config, "ingress", "rule", url];
        let ours = run_in(home.path(), &[], &args).await;
        assert_eq!(
            ours.stdout,
            format!("Using rules from {config}\n{shown}"),
            "{ours:?}"
        );
        if let Some(stock) = cloudflared::binary() {
            let theirs = cloudflared::run(&stock, [("A", "b")], &args).await;
            assert_eq!(ours.stdout, String::from_utf8(theirs.stdout).unwrap());
        }
    }
    let args = ["tunnel", "--config", config, "ingress", "rule", "b.example.com"];
    assert_eq!(run_in(home.path(), &[], &args).await.code, Some(1));
}

#[tokio::test]
async fn rules_are_validated_from_a_file_or_a_flag() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("c.yml");
    let config = file.to_str().unwrap();
    for (text, code, said) in [
        (CONFIG.to_owned(), 0, "OK\n"),
        (
            CONFIG.replace("noTLSVerify", "noSuchKey"),
            0,
            "ingress[0].originRequest.noSuchKey",
        ),
        (
            CONFIG.replace("  - service: http_status:404\n", ""),
            1,
            "not valid",
        ),
        (
            CONFIG.replace("https://localhost:9000", "nonsense"),
            1,
            "not valid",
        ),
        ("tunnel: x\n".to_owned(), 1, "ingress:"),
        ("ingress:\n  - hostname: [\n".to_owned(), 1, "cannot understand"),
    ] {
        std::fs::write(&file, &text).unwrap();
        let args = ["tunnel", "ingress", "validate", "--config", config];
        let ours = run_in(home.path(), &[], &args).await;
        assert_eq!(ours.code, Some(code), "{text} {ours:?}");
        assert!(
            [&ours.stdout, &ours.stderr].iter().any(|out| out.contains(said)),
            "{ours:?}"
        );
        if let Some(stock) = cloudflared::binary() {
            let args = ["tunnel", "--config", config, "ingress", "validate"];
            let theirs = cloudflared::run(&stock, [("A", "b")], &args).await;
            assert_eq!(theirs.status.code(), Some(code), "{text}");
        }
    }
    let json = r#"{"ingress":[{"service":"http://localhost:1"}]}"#;
    let args = ["tunnel", "ingress", "validate", "--json", json];
    let ours = run_in(home.path(), &[], &args).await;
    assert_eq!(ours.stdout, "Validating rules from cmdline flag --json\nOK\n");
    let nowhere = run_in(home.path(), &[], &["tunnel", "ingress", "validate"]).await;
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stderr.contains("--config"), "{nowhere:?}");
}

#[tokio::test]
async fn other_commands_than_run_take_a_configuration_file_too() {
    let home = TempDir::new().unwrap();
    let outcome = run_in(home.path(), &[], &["tunnel", "--config", "c.yml", "list"]).await;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("c.yml"), "{outcome:?}");
}
