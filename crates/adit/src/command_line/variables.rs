//! Variables as the stock client reads them: an empty one says nothing, and some have an older name.

use clap::{Arg, Command};

/// Variables with a second name, which counts first.
const SECOND_NAMES: [(&str, &str); 2] = [
    ("TUNNEL_TRANSPORT_LOGLEVEL", "TUNNEL_PROTO_LOGLEVEL"),
    ("TUNNEL_LOG_OUTPUT", "TUNNEL_MANAGEMENT_OUTPUT"),
];

/// The command, with the variables that say something.
pub(super) fn settled(command: Command) -> Command {
    settle(command, &|name| {
        std::env::var_os(name).is_some_and(|value| !value.is_empty())
    })
}

fn settle(command: Command, says: &dyn Fn(&str) -> bool) -> Command {
    command
        .mut_args(|arg| settle_arg(arg, says))
        .mut_subcommands(|command| settle(command, says))
}

fn settle_arg(arg: Arg, says: &dyn Fn(&str) -> bool) -> Arg {
    let Some(name) = arg.get_env().and_then(|name| name.to_str()) else {
        return arg;
    };
    let second = SECOND_NAMES
        .iter()
        .find(|(first, second)| *first == name && says(second));
    match second {
        Some((_, second)) => arg.env(*second),
        None if says(name) => arg,
        None => arg.env(Option::<&'static str>::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_none_and_the_second_name_counts_first() {
        let command = Command::new("adit").subcommand(
            Command::new("tunnel")
                .arg(Arg::new("a").long("a").env("EMPTY"))
                .arg(Arg::new("b").long("b").env("SET"))
                .arg(Arg::new("c").long("c").env("TUNNEL_LOG_OUTPUT")),
        );
        let says = |name: &str| ["SET", "TUNNEL_LOG_OUTPUT", "TUNNEL_MANAGEMENT_OUTPUT"].contains(&name);
        let command = settle(command, &says);
        let variables: Vec<_> = command
            .find_subcommand("tunnel")
            .unwrap()
            .get_arguments()
            .map(|arg| arg.get_env().map(|name| name.to_str().unwrap()))
            .collect();
        assert_eq!(variables, [None, Some("SET"), Some("TUNNEL_MANAGEMENT_OUTPUT")]);
    }
}
