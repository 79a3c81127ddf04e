//! `adit login`: asks for an API and a token, verifies them, and writes the login certificate where every command, the
//! stock client's too, looks for it.
//!
//! The stock client logs in with a browser at its vendor's, which no other API can offer. What it leaves is the same.

mod ask;
mod certificate;

use std::{io::Read, path::PathBuf};

use adit_model::{AccountId, ZoneId};
use adit_wire::OriginCertificate;
use clap::Args;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    failure::Failure,
    output,
    personality::Personality,
    rest::{Rest, Target},
    tunnel::{
        options::{path, set},
        render,
    },
};
use ask::Terminal;
use certificate::Place;

/// Far above any API token.
const MAX_TOKEN_BYTES: u64 = 4096;

/// Writes a login certificate.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The API's URL, ending in /client/v4; asked for on a terminal if it is not given
    #[arg(long, value_name = "URL", env = "TUNNEL_API_URL", hide_env_values = true)]
    api_url: Option<String>,
    /// A CA that may have signed certificates, beside the system's
    #[arg(long, value_name = "FILE", env = "TUNNEL_CACERT", hide_env_values = true, value_parser = path())]
    cacert: Option<PathBuf>,
    #[command(flatten)]
    login: Login,
}

/// What a login takes beside the API.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// A file with an API token, or - for standard input; asked for on a terminal if it is not given
    #[arg(long, value_name = "FILE", value_parser = path())]
    api_token_file: Option<PathBuf>,
    /// The account's id or name, if the token is good for several
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// The zone's id or name, if the account has several
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    #[command(flatten)]
    browser: Browser,
}

/// What steers the stock client's way with a browser. Not used.
#[derive(Debug, Args)]
struct Browser {
    #[arg(long = "loginURL", hide = true, value_name = "URL")]
    login_url: Option<String>,
    #[arg(long = "callbackURL", hide = true, value_name = "URL")]
    callback_url: Option<String>,
    #[arg(long, short = 'f', hide = true)]
    fedramp: bool,
}

/// An account or a zone.
#[derive(Debug, Deserialize)]
struct Named {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Verified {
    status: String,
}

impl LoginArgs {
    /// Logs in.
    ///
    /// # Errors
    /// As [`Login::run`].
    pub(crate) async fn run(self, personality: Personality) -> Result<(), Failure> {
        let (url, ca) = (self.api_url.as_deref(), self.cacert.as_ref());
        self.login.run(url, ca, personality).await
    }
}

impl Login {
    /// Logs in.
    ///
    /// # Errors
    /// If there is a login already, the API does not take the token, or nobody says which account or zone is meant.
    pub(crate) async fn run(
        &self,
        api_url: Option<&str>,
        ca: Option<&PathBuf>,
        personality: Personality,
    ) -> Result<(), Failure> {
        if self.browser.fedramp {
            return Err(Failure::misuse("--fedramp is for the vendor's own service"));
        }
        let place = Place::find()?;
        if place.is_taken() {
            let failure = Failure::because(format!("{} is a login already", place.path().display()));
            return Err(failure
                .hint("move it away or delete it, then log in again")
                .only_told_by_stock(personality));
        }
        let mut terminal = Terminal::open();
        let url = match (api_url.filter(|url| !url.is_empty()), &mut terminal) {
            (Some(url), _) => url.to_owned(),
            (None, Some(terminal)) => terminal.ask("API URL, such as http://127.0.0.1:8787").await?,
            (None, None) => {
                return Err(
                    Failure::misuse("which API? Neither --api-url nor TUNNEL_API_URL is set")
                        .hint("--api-url URL"),
                );
            }
        };
        let url = with_path(url.trim());
        let token = self.token(terminal.as_mut()).await?;
        let rest = Rest::new(&url, &token, set(ca).map(PathBuf::as_path))
            .map_err(|error| error.while_to("log in"))?;
        let verified: Verified = rest
            .get(Target::new("/user/tokens/verify"))
            .await
            .map_err(|error| error.while_to("verify the API token"))?;
        if verified.status != "active" {
            return Err(Failure::because(format!(
                "the API token is {}",
                render::plain(&verified.status)
            )));
        }
        let accounts = named(&rest, Target::new("/accounts"), "list accounts").await?;
        let account = choose("account", &accounts, self.account.as_deref(), terminal.as_mut()).await?;
        let zones = Target::new("/zones").with("account.id", &account.id);
        let zones = named(&rest, zones, "list zones").await?;
        let zone = choose("zone", &zones, self.zone.as_deref(), terminal.as_mut()).await?;
        let unusable = |_| Failure::because("the API answered with an id that is none");
        let login = OriginCertificate {
            zone: zone.id.parse::<ZoneId>().map_err(unusable)?,
            account: account.id.parse::<AccountId>().map_err(unusable)?,
            api_token: token.to_string(),
        };
        place.write(&login)?;
        render::log_line(
            &format!(
                "Logged in to account {} with zone {}; the certificate is {}",
                render::plain(&account.name),
                render::plain(&zone.name),
                place.path().display()
            ),
            None,
        );
        output::note(&format!(
            "The certificate does not name the API: commands need TUNNEL_API_URL={url}, too"
        ));
        Ok(())
    }

    /// The token: out of a file, from the terminal, or what standard input has.
    async fn token(&self, terminal: Option<&mut Terminal>) -> Result<Zeroizing<String>, Failure> {
        let named = set(self.api_token_file.as_ref()).filter(|path| path.as_os_str() != "-");
        let text = match (named, terminal) {
            (Some(path), _) => {
                let file = std::fs::File::open(path).map_err(|error| {
                    let context = format!("cannot read the API token in {}", path.display());
                    Failure::failed(anyhow::Error::new(error).context(context))
                })?;
                read(file)?
            }
            (None, Some(terminal)) if self.api_token_file.is_none() => {
                Zeroizing::new(terminal.ask_secretly("API token").await?)
            }
            (None, _) => read(std::io::stdin().lock())?,
        };
        let token = Zeroizing::new(text.trim().to_owned());
        if token.is_empty() {
            return Err(Failure::misuse("no API token was given")
                .hint("--api-token-file FILE, or the token on standard input"));
        }
        Ok(token)
    }
}

/// The base of the API, if only its host was given.
fn with_path(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    if rest.contains('/') {
        url.to_owned()
    } else {
        format!("{url}/client/v4")
    }
}

fn read(source: impl Read) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    source
        .take(MAX_TOKEN_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::failed(anyhow::Error::new(error).context("cannot read the API token")))?;
    Ok(text)
}

async fn named(rest: &Rest, target: Target, doing: &str) -> Result<Vec<Named>, Failure> {
    let listed = rest.list(&target, Some(50)).await;
    listed.map_err(|error| error.while_to(doing))
}

/// The one that is meant: the only one, the one that was named, or the one that is picked on the terminal.
async fn choose<'a>(
    kind: &str,
    all: &'a [Named],
    wanted: Option<&str>,
    terminal: Option<&mut Terminal>,
) -> Result<&'a Named, Failure> {
    let flag = format!("--{kind}");
    if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
        return pick(all, wanted).ok_or_else(|| {
            Failure::because(format!("{wanted} is no {kind} that the API token is good for")).hint(told(all))
        });
    }
    match (all, terminal) {
        ([], _) => Err(Failure::because(format!("the API token is good for no {kind}"))),
        ([only], _) => Ok(only),
        (several, Some(terminal)) => {
            for (named, number) in several.iter().zip(1..) {
                output::note(&format!(
                    "{number:>4}  {}  {}",
                    named.id,
                    render::plain(&named.name)
                ));
            }
            let answer = terminal.ask(&format!("Which {kind}?")).await?;
            pick(several, answer.trim()).ok_or_else(|| Failure::because(format!("that is no {kind}")))
        }
        (several, None) => Err(Failure::because(format!(
            "the API token is good for several {kind}s: say which with {flag}"
        ))
        .hint(told(several))),
    }
}

/// By id, by name, or by its number in the list.
fn pick<'a>(all: &'a [Named], word: &str) -> Option<&'a Named> {
    let by_number = || {
        let number: usize = word.parse().ok()?;
        all.get(number.checked_sub(1)?)
    };
    all.iter()
        .find(|named| named.id == word || named.name == word)
        .or_else(by_number)
}

/// The first few of them, in words.
fn told(all: &[Named]) -> String {
    let words: Vec<_> = all
        .iter()
        .take(10)
        .map(|named| format!("{} ({})", named.id, render::plain(&named.name)))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_alone_becomes_the_base_of_the_api() {
        for (given, base) in [
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787/client/v4"),
            ("https://api.example/", "https://api.example/client/v4"),
            ("https://api.example/client/v4/", "https://api.example/client/v4"),
            ("https://api.example/own", "https://api.example/own"),
        ] {
            assert_eq!(with_path(given), base);
        }
    }

    #[test]
    fn one_is_picked_by_id_name_or_number() {
        let named = |id: &str, name: &str| Named {
            id: id.to_owned(),
            name: name.to_owned(),
        };
        let all = [named("aa", "first"), named("bb", "1")];
        assert_eq!(pick(&all, "bb").unwrap().id, "bb");
        assert_eq!(pick(&all, "first").unwrap().id, "aa");
        assert_eq!(pick(&all, "1").unwrap().id, "bb", "a name goes before a number");
        assert_eq!(pick(&all, "2").unwrap().id, "bb");
        for word in ["0", "3", "", "-1", "99999999999999999999"] {
            assert!(pick(&all, word).is_none(), "{word}");
        }
    }
}
