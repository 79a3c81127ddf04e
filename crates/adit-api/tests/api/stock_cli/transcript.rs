//! What the stock client prints, without what differs from run to run.

use std::{fmt::Write as _, sync::LazyLock};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use regex::{Captures, Regex};
use serde_json::Value;

use super::Stock;
use crate::support::redacted;

static TIMES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"2\d{3}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000 UTC)").unwrap());
static TUNNEL_TOKENS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\beyJ[A-Za-z0-9+/]+={0,2}([\s"])"#).unwrap());
static SECRETS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""s":"[^"]+""#).unwrap());

impl Stock {
    /// What these commands print, one after the other, with their exit codes.
    pub(super) async fn transcript(&self, commands: &[&str]) -> String {
        let told = self.told(commands).await;
        self.without_what_varies(&told)
    }

    /// The same as it was printed.
    pub(super) async fn told(&self, commands: &[&str]) -> String {
        let mut told = String::new();
        for command in commands {
            let output = self.output(command).await;
            let (out, err) = (
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            let code = output.status.code().unwrap();
            writeln!(told, "$ {command}\n{out}{err}({code})\n").unwrap();
        }
        told
    }

    /// Times, ids, secrets and places by what they are; a tunnel token by what it holds.
    pub(super) fn without_what_varies(&self, told: &str) -> String {
        let told = told
            .replace(&self.directory.path().display().to_string(), "[directory]")
            .replace(&self.server.address.to_string(), "[server]");
        let told = TIMES.replace_all(&told, "[time]");
        let told = TUNNEL_TOKENS.replace_all(&told, |found: &Captures<'_>| {
            let token = found[0].strip_suffix(&found[1]).unwrap();
            let held = BASE64_STANDARD.decode(token).unwrap();
            format!("base64 of {}{}", String::from_utf8(held).unwrap(), &found[1])
        });
        let told = SECRETS.replace_all(&told, r#""s":"[secret]""#).into_owned();
        let redacted = redacted(Value::String(told));
        let lines = redacted.as_str().unwrap().lines();
        lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}
