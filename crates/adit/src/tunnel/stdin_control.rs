//! `--stdin-control`: lines on stdin are commands to a running connector, for tests.

use std::{io, time::Duration};

use adit_connector::Reconnects;

use super::options::go_duration;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    Nothing,
    Reconnect(Duration),
    Help,
}

/// Reads stdin in a thread of its own, which ends with stdin or the process: a read of a terminal cannot be called off.
pub(super) fn listen(reconnects: Reconnects) {
    tracing::info!("Enabling control through stdin");
    let started = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || obey(&reconnects));
    if let Err(error) = started {
        tracing::error!(error = &error as &dyn std::error::Error, "stdin is not read");
    }
}

fn obey(reconnects: &Reconnects) {
    for line in io::stdin().lines() {
        let Ok(line) = line else { return };
        match wish(&line) {
            Ok(Wish::Nothing) => {}
            Ok(Wish::Reconnect(delay)) => {
                tracing::info!("Sending reconnect {delay:.1?}");
                reconnects.reconnect_blocking(delay);
            }
            Ok(Wish::Help) => {
                tracing::info!(
                    "`reconnect [TIME]` breaks one connection, which is dialled anew after the time"
                );
            }
            Err(problem) => tracing::error!("{problem}"),
        }
    }
}

fn wish(line: &str) -> Result<Wish, String> {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    match command {
        "" => Ok(Wish::Nothing),
        "reconnect" if rest.is_empty() => Ok(Wish::Reconnect(Duration::ZERO)),
        "reconnect" => go_duration(rest).map(Wish::Reconnect),
        _ => Ok(Wish::Help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_ask_for_a_reconnect_after_a_while() {
        assert_eq!(wish("reconnect"), Ok(Wish::Reconnect(Duration::ZERO)));
        assert_eq!(wish("reconnect 3s"), Ok(Wish::Reconnect(Duration::from_secs(3))));
        assert!(wish("reconnect soon").is_err());
        assert_eq!(wish(""), Ok(Wish::Nothing));
        assert_eq!(wish("quit"), Ok(Wish::Help));
    }
}
