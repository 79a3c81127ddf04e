//! Of the commands that a line does not name, nothing but what a list of commands shows: the whole of them is some
//! megabytes, and a connector that has read its line lives for months.

use clap::Command;

/// The command with only those below it whole that the names lead to, one below the other.
pub(super) fn only(command: Command, names: &[String]) -> Command {
    let Some((name, below)) = names.split_first() else {
        return command;
    };
    command.mut_subcommands(|command| {
        if command.get_name() == name {
            only(command, below)
        } else {
            outline(&command)
        }
    })
}

fn outline(command: &Command) -> Command {
    let visible: Vec<String> = command.get_visible_aliases().map(str::to_owned).collect();
    let all = command.get_all_aliases().map(str::to_owned);
    let hidden: Vec<String> = all.filter(|alias| !visible.contains(alias)).collect();
    let outline = Command::new(command.get_name().to_owned())
        .aliases(hidden)
        .visible_aliases(visible)
        .hide(command.is_hide_set());
    match command.get_about() {
        Some(about) => outline.about(about.clone()),
        None => outline,
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn root() -> Command {
        let run = Command::new("run").arg(Arg::new("tunnel"));
        let list = Command::new("list")
            .arg(Arg::new("name"))
            .alias("ls")
            .visible_alias("show")
            .about("List");
        let tunnel = Command::new("tunnel").subcommand(run).subcommand(list);
        let other = Command::new("access").subcommand(Command::new("tcp"));
        Command::new("adit").subcommand(tunnel).subcommand(other)
    }

    fn arguments(command: &Command, names: &[&str]) -> usize {
        let at = names
            .iter()
            .try_fold(command, |command, name| command.find_subcommand(name))
            .unwrap();
        at.get_arguments().count() + at.get_subcommands().count()
    }

    #[test]
    fn what_a_line_names_stays_whole_and_the_others_stay_in_lists() {
        let command = only(root(), &["tunnel".to_owned(), "run".to_owned()]);
        assert_eq!(arguments(&command, &["tunnel", "run"]), 1);
        assert_eq!(arguments(&command, &["tunnel", "ls"]), 0);
        assert_eq!(arguments(&command, &["tunnel", "show"]), 0);
        assert_eq!(arguments(&command, &["access"]), 0);
        command.clone().debug_assert();
        let shown = |mut command: Command| command.render_long_help().to_string();
        assert_eq!(shown(command), shown(root()));
    }

    #[test]
    fn a_command_that_more_may_follow_has_all_of_it() {
        let command = only(root(), &["tunnel".to_owned()]);
        assert_eq!(arguments(&command, &["tunnel", "run"]), 1);
        let command = only(root(), &[]);
        assert_eq!(arguments(&command, &["access"]), 1);
    }
}
