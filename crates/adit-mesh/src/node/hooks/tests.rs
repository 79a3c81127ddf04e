use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

const SOON: Duration = Duration::from_secs(20);

fn change(epoch: u64, role: Role) -> Change {
    Change {
        epoch,
        role,
        vips: vec!["10.10.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        prefixes: vec!["10.10.0.0/24".parse().unwrap()],
        remote: vec!["10.20.0.0/24".parse().unwrap()],
        fnr_id: Some("eni-1".to_owned()),
        interface: "adit0".to_owned(),
        tunnel: "t".to_owned(),
        connector: "c".to_owned(),
    }
}

fn commands(active: &str, passive: &str) -> HookCommands {
    HookCommands {
        on_active: Some(active.to_owned()),
        on_passive: Some(passive.to_owned()),
    }
}

fn read(dir: &TempDir) -> String {
    fs::read_to_string(dir.path().join("out")).unwrap_or_default()
}

/// A named pipe in the directory: whoever opens it to read waits until somebody writes.
fn pipe(dir: &Path) -> String {
    let path = dir.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    path.display().to_string()
}

async fn until(hooks: &Hooks, is: impl Fn(&HookStatus) -> bool) -> HookStatus {
    let mut status = hooks.status();
    let found = timeout(SOON, status.wait_for(|status| status.as_ref().is_some_and(&is))).await;
    found.unwrap().unwrap().clone().unwrap()
}

#[tokio::test]
async fn a_command_is_told_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let active = format!(
        "echo $ADIT_EPOCH $ADIT_ROLE \"$ADIT_VIPS\" $ADIT_PREFIXES $ADIT_REMOTE_PREFIXES $ADIT_FNR_ID $ADIT_INTERFACE > {}",
        out.display()
    );
    let hooks = Hooks::start(commands(&active, "true"), SOON);
    hooks.tell(change(7, Role::Active));
    until(&hooks, |status| status.state == HookState::Done).await;
    assert_eq!(
        read(&dir),
        "7 active 10.10.0.1 fd00::1 10.10.0.0/24 10.20.0.0/24 eni-1 adit0\n"
    );
}

#[tokio::test]
async fn while_one_runs_only_the_newest_change_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (out, pipe) = (dir.path().join("out").display().to_string(), pipe(dir.path()));
    let first = format!("[ $ADIT_EPOCH = 1 ] && read x < {pipe}; echo active $ADIT_EPOCH >> {out}");
    let last = format!("echo passive $ADIT_EPOCH >> {out}");
    let hooks = Hooks::start(commands(&first, &last), SOON);
    hooks.tell(change(1, Role::Active));
    until(&hooks, |status| status.state == HookState::Running).await;
    hooks.tell(change(2, Role::Passive));
    hooks.tell(change(3, Role::Active));
    hooks.tell(change(4, Role::Passive));
    tokio::fs::write(&pipe, "go\n").await.unwrap();
    until(&hooks, |status| {
        status.epoch == 4 && status.state == HookState::Done
    })
    .await;
    assert_eq!(read(&dir), "active 1\npassive 4\n");
}

#[tokio::test]
async fn one_that_takes_too_long_is_ended_with_what_it_started_and_the_next_one_runs() {
    let dir = tempfile::tempdir().unwrap();
    let (out, pipe) = (dir.path().join("out").display().to_string(), pipe(dir.path()));
    let stuck = format!("(read x < {pipe}; echo woken >> {out}); echo late >> {out}");
    let hooks = Hooks::start(commands(&stuck, "true"), Duration::from_millis(200));
    hooks.tell(change(1, Role::Active));
    let failed = until(&hooks, |status| matches!(status.state, HookState::Failed(_))).await;
    assert!(failed.problem().unwrap().contains("took longer"), "{failed:?}");
    hooks.tell(change(2, Role::Passive));
    until(&hooks, |status| {
        status.epoch == 2 && status.state == HookState::Done
    })
    .await;
    assert_eq!(read(&dir), "");
}

#[tokio::test]
async fn one_that_fails_is_told_with_its_last_words() {
    let hooks = Hooks::start(commands("echo no route table >&2; exit 3", "true"), SOON);
    hooks.tell(change(1, Role::Active));
    let failed = until(&hooks, |status| matches!(status.state, HookState::Failed(_))).await;
    let problem = failed.problem().unwrap();
    assert!(
        problem.contains("status: 3") && problem.ends_with("no route table"),
        "{problem}"
    );
}
