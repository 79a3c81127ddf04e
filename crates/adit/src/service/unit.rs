//! The unit file.

use std::{env, ffi::OsStr, path::Path, path::PathBuf};

/// What a unit runs.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    /// Under the name that it is to be called by, which decides its habits.
    pub(super) program: &'a Path,
    /// What stands behind the program.
    pub(super) arguments: &'a [&'a str],
    /// Variables, as `NAME=value`.
    pub(super) variables: &'a [String],
}

impl Unit<'_> {
    pub(super) fn text(&self) -> String {
        let line: Vec<_> = std::iter::once(quoted(&self.program.display().to_string()))
            .chain(self.arguments.iter().map(|word| quoted(word)))
            .collect();
        let line = line.join(" ");
        let variables: String = self
            .variables
            .iter()
            .map(|variable| format!("Environment={}\n", quoted(variable)))
            .collect();
        format!(
            "\
[Unit]
Description=Connector of a tunnel
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
TimeoutStartSec=15
{variables}ExecStart={line}
Restart=on-failure
RestartSec=5s

[Install]
WantedBy=multi-user.target
"
        )
    }
}

/// A word as systemd reads it: `%` and `$` stand for themselves only when doubled.
fn quoted(word: &str) -> String {
    let word = word.replace('%', "%%").replace('$', "$$");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+%$".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Where this program is, under the name that it was called by: `/proc/self/exe` knows only where a link leads to.
pub(super) fn program() -> PathBuf {
    let called = env::args_os().next().unwrap_or_default();
    let search = env::var_os("PATH").unwrap_or_default();
    found(&called, &search)
        .or_else(|| env::current_exe().ok())
        .unwrap_or_else(|| PathBuf::from(called))
}

fn found(called: &OsStr, search: &OsStr) -> Option<PathBuf> {
    let path = Path::new(called);
    if path.components().count() > 1 {
        return std::path::absolute(path).ok().filter(|path| path.exists());
    }
    env::split_paths(search)
        .map(|directory| directory.join(path))
        .find(|path| path.is_absolute() && path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_runs_the_program_as_it_is_called() {
        let unit = Unit {
            program: Path::new("/usr/bin/cloudflared"),
            arguments: &[
                "--no-autoupdate",
                "tunnel",
                "run",
                "--token-file",
                "/etc/cloudflared/token",
            ],
            variables: &["TUNNEL_EDGE=a:1,b:2".to_owned()],
        };
        let text = unit.text();
        let line =
            "ExecStart=/usr/bin/cloudflared --no-autoupdate tunnel run --token-file /etc/cloudflared/token\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("Type=notify\n"), "{text}");
        assert!(text.contains("Environment=TUNNEL_EDGE=a:1,b:2\n"), "{text}");
    }

    #[test]
    fn words_survive_systemd() {
        for (word, reads) in [
            ("/usr/bin/adit", "/usr/bin/adit"),
            ("/opt/my tools/adit", "\"/opt/my tools/adit\""),
            ("100%", "100%%"),
            ("$HOME\"", "\"$$HOME\\\"\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(word), reads);
        }
    }

    #[test]
    fn a_program_is_found_as_it_was_called() {
        let home = tempfile::TempDir::new().unwrap();
        let link = home.path().join("cloudflared");
        std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
        assert_eq!(found(link.as_os_str(), OsStr::new("")), Some(link.clone()));
        assert_eq!(
            found(OsStr::new("cloudflared"), home.path().as_os_str()),
            Some(link)
        );
        assert_eq!(found(OsStr::new("cloudflared"), OsStr::new("")), None);
    }
}
