use std::{collections::BTreeMap, fs};

use super::*;
use crate::config::flags::key_flags;

/// For each key a value that is not its default, as text and as it stands in the file.
fn samples() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    BTreeMap::from([
        ("data_dir", ("/tmp/x", "\"/tmp/x\"")),
        ("domain", ("example.com", "\"example.com\"")),
        ("location", ("fra03", "\"fra03\"")),
        ("grace_period", ("45s", "\"45s\"")),
        (
            "account_id",
            (
                "699d98642c564d2e855e9661899b7252",
                "\"699d98642c564d2e855e9661899b7252\"",
            ),
        ),
        ("api.listen", ("127.0.0.1:1", "\"127.0.0.1:1\"")),
        (
            "api.public_url",
            ("https://api.example.com", "\"https://api.example.com\""),
        ),
        ("edge.listen", ("[::]:7844", "\"[::]:7844\"")),
        (
            "edge.advertise",
            ("edge.example.com:7844", "\"edge.example.com:7844\""),
        ),
        ("edge.memory_budget", ("536870912", "536870912")),
        ("http.listen", ("127.0.0.1:2", "\"127.0.0.1:2\"")),
        ("http.max_header_bytes", ("8192", "8192")),
        ("http.max_headers", ("64", "64")),
        ("http.max_connections", ("10", "1_0")),
        ("http.idle_timeout", ("5s", "\"5s\"")),
        ("http.pass_access_jwt", ("true", "true")),
        ("https.listen", ("127.0.0.1:3", "\"127.0.0.1:3\"")),
        ("https.cert_dir", ("/etc/certs", "\"/etc/certs\"")),
        ("metrics.listen", ("127.0.0.1:4", "\"127.0.0.1:4\"")),
        ("mesh.listen", ("127.0.0.1:5", "\"127.0.0.1:5\"")),
        (
            "mesh.advertise",
            ("edge.example.com:51820", "\"edge.example.com:51820\""),
        ),
        (
            "mesh.advertise_https",
            ("edge.example.com:443", "\"edge.example.com:443\""),
        ),
        ("private_proxy.listen", ("127.0.0.1:6", "\"127.0.0.1:6\"")),
        (
            "private.allow",
            ("10.0.0.0/8,fd00::/8", "[\"10.0.0.0/8\", \"fd00::/8\"]"),
        ),
        ("store.url", ("sqlite:/tmp/a.db", "\"sqlite:/tmp/a.db\"")),
        (
            "trusted_proxies",
            ("10.0.0.0/8,192.0.2.1", "[\"10.0.0.0/8\", \"192.0.2.1\"]"),
        ),
        ("quick_tunnels.enabled", ("true", "true")),
        ("quick_tunnels.unused_timeout", ("30s", "\"30s\"")),
        ("quick_tunnels.idle_timeout", ("1m", "\"1m\"")),
        ("retention.deleted_tunnels", ("1d", "\"1d\"")),
        ("retention.audit", ("1d", "\"1d\"")),
        ("retention.connections", ("1d", "\"1d\"")),
        ("retention.configurations", ("3", "3")),
        ("log.level", ("debug", "\"debug\"")),
        ("log.format", ("json", "\"json\"")),
    ])
}

fn file_with(key: &str, value: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("adit.toml");
    let text = match key.split_once('.') {
        Some((table, key)) => format!("# a comment\n[{table}]\n{key} = {value}\n"),
        None => format!("# a comment\n\n{key} = {value}\n"),
    };
    fs::write(&path, text).unwrap();
    (dir, path)
}

fn load(
    flags: FlagTexts,
    variable: Option<(String, &str)>,
    file: Option<&PathBuf>,
) -> Result<Settings, ConfigError> {
    let variable = |name: &str| match &variable {
        Some((known, value)) if known == name => Some(OsString::from(value)),
        _ => None,
    };
    Settings::load(Role::Up, flags, variable, file)
}

fn text_of(key: &Key, flags: FlagTexts, variable: Option<&str>, file: Option<&PathBuf>) -> (String, String) {
    let wanted = key.variable();
    let variable = |name: &str| variable.filter(|_| name == wanted).map(OsString::from);
    let file = file
        .map(|path| ConfigFile::read(path).unwrap())
        .unwrap_or_default();
    let mut layers = Layers::gather(Role::Up, Vec::new(), |_| None, None).unwrap();
    layers.flags = flags;
    layers.file = file;
    if let Some(text) = variable(&wanted) {
        layers.variables.push((key.name, text.into_string().unwrap()));
    }
    let given = layers.given(key).unwrap();
    (given.text.to_owned(), given.origin)
}

#[test]
fn flag_beats_variable_beats_file_for_every_key() {
    let samples = samples();
    for key in KEYS {
        let (text, toml) = samples[key.name];
        let (_dir, path) = file_with(key.name, toml);
        let (from_file, origin) = text_of(key, Vec::new(), None, Some(&path));
        assert_eq!(from_file, text.replace(", ", ","), "{}", key.name);
        assert_eq!(origin, format!("{}:3: `{}`", path.display(), key.name));

        let (_, origin) = text_of(key, Vec::new(), Some(text), Some(&path));
        assert_eq!(origin, key.variable());

        let flags = vec![(key.name, text.to_owned())];
        let (_, origin) = text_of(key, flags, Some(text), Some(&path));
        assert_eq!(origin, format!("--{}", key.flag()));
    }
}

#[test]
fn every_key_is_read_from_flag_variable_and_file_or_refused_as_not_built() {
    let samples = samples();
    assert_eq!(samples.len(), KEYS.len());
    for key in KEYS {
        let (text, toml) = samples[key.name];
        let (_dir, path) = file_with(key.name, toml);
        for result in [
            load(vec![(key.name, text.to_owned())], None, None),
            load(Vec::new(), Some((key.variable(), text)), None),
            load(Vec::new(), None, Some(&path)),
        ] {
            match result {
                Ok(_) => assert!(key.built, "{}", key.name),
                Err(ConfigError::NotInThisVersion { .. }) => assert!(!key.built, "{}", key.name),
                Err(other) => panic!("{}: {other}", key.name),
            }
        }
    }
}

#[test]
fn every_key_has_a_flag_on_both_commands() {
    for role in [Role::Up, Role::Server] {
        let flags: Vec<_> = key_flags(role)
            .into_iter()
            .filter_map(|arg| arg.get_long().map(str::to_owned))
            .collect();
        let wanted: Vec<_> = KEYS.iter().map(Key::flag).collect();
        assert_eq!(flags, wanted);
    }
    assert_eq!(
        KEYS.iter()
            .find(|key| key.name == "http.max_headers")
            .unwrap()
            .flag(),
        "http-max-headers"
    );
}

#[test]
fn every_default_parses_for_both_commands() {
    for role in [Role::Up, Role::Server] {
        Settings::load(role, Vec::new(), |_| None, None).unwrap();
    }
    let up = Settings::load(Role::Up, Vec::new(), |_| None, None).unwrap();
    let server = Settings::load(Role::Server, Vec::new(), |_| None, None).unwrap();
    assert!(up.edge_listen.ip().is_loopback() && server.edge_listen.ip().is_unspecified());
    let quick = KEYS
        .iter()
        .find(|key| key.name == "quick_tunnels.enabled")
        .unwrap();
    assert_eq!(quick.fallback.text(Role::Up), Some("true"));
    assert_eq!(quick.fallback.text(Role::Server), Some("false"));
}

#[test]
fn a_bad_value_names_where_it_was_set() {
    let (_dir, path) = file_with("edge.listen", "7844");
    let error = load(Vec::new(), None, Some(&path)).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}:3: `edge.listen`: \"7844\" is not an address and port such as 127.0.0.1:8080",
            path.display()
        )
    );
    let error = load(Vec::new(), Some(("ADIT_LOG_FORMAT".to_owned(), "xml")), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ADIT_LOG_FORMAT: \"xml\" is neither text nor json"
    );
    let error = load(vec![("grace_period", "4m".to_owned())], None, None).unwrap_err();
    assert_eq!(error.to_string(), "--grace-period: \"4m\" is longer than 3m");
}

#[test]
fn an_empty_variable_is_not_set() {
    let settings = load(Vec::new(), Some(("ADIT_DOMAIN".to_owned(), "")), None).unwrap();
    assert_eq!(settings.domain.as_str(), "adit.localhost");
}

#[test]
fn the_operators_manual_names_every_key_that_is_built() {
    let manual = include_str!("../../../../../docs/operations.md");
    for key in KEYS.iter().filter(|key| key.built) {
        assert!(manual.contains(&format!("`{}`", key.name)), "{}", key.name);
    }
}
