//! What a start tells its user, on stdout, ending with `ready`.

use std::path::{Path, PathBuf};

use adit_model::ZoneId;

use crate::{
    config::Role,
    data_dir::{DataDir, run_file::RunFile},
    environment::shell_quoted,
};

/// What there is to tell.
pub(super) struct Facts<'a> {
    pub(super) dir: &'a DataDir,
    pub(super) run: &'a RunFile,
    pub(super) first_start: bool,
    pub(super) zone: ZoneId,
}

/// The whole text. Its last line is exactly `ready`.
pub(super) fn text(role: Role, facts: &Facts<'_>) -> String {
    let mut text = made(facts);
    if let Some(url) = &facts.run.demo_url {
        text.push_str(&format!("Demo  {url}\n"));
    }
    text.push_str(&format!("API   {}\n", facts.run.rest_base()));
    if role == Role::Up {
        text.push_str(&blocks(facts, &program(), &environment(facts)));
    }
    text.push_str("\nready\n");
    text
}

fn made(facts: &Facts<'_>) -> String {
    let run = facts.run;
    let verb = if facts.first_start { "made" } else { "found" };
    let mut text = format!(
        "Adit {} has {verb} in {}\n",
        run.version,
        facts.dir.path().display()
    );
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<10} {value}\n"));
    line("account", run.account_id.to_string());
    line("zone", format!("{} ({})", run.domain, facts.zone));
    line(
        "API token",
        format!("in {}", facts.dir.login_certificate().display()),
    );
    line("CA", facts.dir.ca_certificate().display().to_string());
    if run.demo_url.is_some() {
        line("demo", format!("tunnel hello, record hello.{}", run.domain));
    }
    text.push('\n');
    text
}

/// One block to paste for each of curl, the stock client and our connector.
fn blocks(facts: &Facts<'_>, program: &str, environment: &str) -> String {
    let run = facts.run;
    let shop = format!("shop.{}", run.domain);
    let port = run
        .listeners
        .http
        .map_or(String::new(), |address| format!(":{}", address.port()));
    let curl = match &run.demo_url {
        Some(url) => format!("  curl {url}\n"),
        None => format!("  curl http://{shop}{port}/\n"),
    };
    let tunnel = |client: &str| {
        format!(
            "  {environment}\n  {client} tunnel create shop\n  {client} tunnel route dns shop {shop}\n  \
             {client} tunnel run --token \"$({client} tunnel token shop)\" --url http://127.0.0.1:9000\n"
        )
    };
    format!(
        "\ncurl\n{curl}\nstock cloudflared, with a server of yours on port 9000\n{}\nAdit's own connector\n{}",
        tunnel("cloudflared"),
        tunnel(program)
    )
}

fn environment(facts: &Facts<'_>) -> String {
    let usual = DataDir::locate(None, Role::Up, |name| std::env::var_os(name));
    let place = match usual {
        Ok(usual) if usual == *facts.dir => String::new(),
        _ => format!(
            " --data-dir {}",
            shell_quoted(&facts.dir.path().display().to_string())
        ),
    };
    format!("eval \"$({} env{place})\"", program())
}

/// How a shell calls this binary: by name if that is what PATH leads to.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else {
        return "adit".to_owned();
    };
    let on_path = std::env::var_os("PATH").is_some_and(|path| leads_to(std::env::split_paths(&path), &own));
    if on_path {
        "adit".to_owned()
    } else {
        shell_quoted(&own.display().to_string())
    }
}

fn leads_to(mut directories: impl Iterator<Item = PathBuf>, own: &Path) -> bool {
    let first = directories.find_map(|dir| dir.join("adit").canonicalize().ok());
    first.is_some_and(|first| own.canonicalize().is_ok_and(|own| own == first))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use adit_model::{AccountId, Timestamp};

    use super::*;
    use crate::data_dir::run_file::{Advertised, Listeners};

    fn told(role: Role, demo_url: Option<&str>) -> String {
        let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let run = RunFile {
            pid: 1,
            version: "0.1.0".to_owned(),
            started_at: Timestamp::parse("2025-02-18T22:41:43Z").unwrap(),
            domain: "adit.localhost".to_owned(),
            account_id: AccountId::random(),
            listeners: Listeners {
                api: address(8787),
                edge: address(7844),
                http: Some(address(8080)),
                https: None,
                metrics: None,
                mesh: None,
                private_proxy: None,
            },
            demo_url: demo_url.map(str::to_owned),
            store: None,
            advertised: Advertised::default(),
        };
        let dir = DataDir::locate(Some(Path::new("/d")), Role::Up, |_| None).unwrap();
        text(
            role,
            &Facts {
                dir: &dir,
                run: &run,
                first_start: true,
                zone: ZoneId::random(),
            },
        )
    }

    #[test]
    fn a_start_tells_what_it_made_then_urls_then_blocks_then_ready() {
        let text = told(Role::Up, Some("http://hello.adit.localhost:8080/"));
        let places: Vec<_> = [
            "has made in /d",
            "Demo  http://hello.adit.localhost:8080/",
            "API   http://127.0.0.1:8787/client/v4",
            "\ncurl\n",
            "cloudflared tunnel run --token",
            "Adit's own connector",
            "\nready\n",
        ]
        .iter()
        .map(|part| {
            text.find(part)
                .unwrap_or_else(|| panic!("{part:?} is missing in {text}"))
        })
        .collect();
        assert!(places.is_sorted(), "{text}");
        assert!(text.ends_with("\nready\n"));
    }

    #[test]
    fn a_server_tells_no_blocks() {
        let text = told(Role::Server, None);
        assert!(!text.contains("curl") && !text.contains("Demo"), "{text}");
        assert!(text.ends_with("\nready\n"));
    }
}
