//! How a run of the suites ended, and what of it is not as it must be.

use std::{collections::BTreeMap, fmt};

use crate::left_out::left_out;

/// How many tests the suites have in the SDK's fixed version.
const TESTS: usize = 3620;
/// How many of them the SDK's authors have switched off.
const SWITCHED_OFF: usize = 1740;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Passed,
    /// The SDK's authors have switched it off.
    SwitchedOff,
    Failed,
    /// It had no world to run in.
    Broken,
}

/// What the plugin wrote down.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    collected: Option<usize>,
    finished: Option<i32>,
    /// By the test's whole id; the worst, if it ended more than once.
    tests: BTreeMap<String, Outcome>,
    unreadable: Vec<String>,
}

impl Outcomes {
    pub(crate) fn parse(text: &str) -> Self {
        let mut outcomes = Self::default();
        for line in text.lines() {
            let (kind, what) = line.split_once('\t').unwrap_or((line, ""));
            match kind {
                "collected" => outcomes.collected = what.parse().ok(),
                "finished" => outcomes.finished = what.parse().ok(),
                "passed" => outcomes.ended(what, Outcome::Passed),
                "skipped" => outcomes.ended(what, Outcome::SwitchedOff),
                "failed" => outcomes.ended(what, Outcome::Failed),
                "broken" => outcomes.ended(what, Outcome::Broken),
                _ => outcomes.unreadable.push(line.to_owned()),
            }
        }
        outcomes
    }

    fn ended(&mut self, test: &str, outcome: Outcome) {
        let known = self.tests.entry(test.to_owned()).or_insert(outcome);
        *known = outcome.max(*known);
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.tests.values().filter(|ended| **ended == outcome).count()
    }

    /// What is not as it must be, given pytest's exit status: nothing, for a good run.
    pub(crate) fn problems(&self, exit: Option<i32>) -> Vec<String> {
        let mut problems = Vec::new();
        // 0: all passed; 1: some failed. Anything else is a run that broke.
        if !matches!(exit, Some(0 | 1)) || self.finished != exit {
            problems.push(format!(
                "pytest ended with {exit:?}, and wrote {:?}",
                self.finished
            ));
        }
        if self.collected != Some(TESTS) || self.tests.len() != TESTS {
            problems.push(format!(
                "{} of {:?} collected tests ended, and the suites have {TESTS}",
                self.tests.len(),
                self.collected
            ));
        }
        let off = self.count(Outcome::SwitchedOff);
        if off != SWITCHED_OFF {
            problems.push(format!("{off} tests were switched off, not {SWITCHED_OFF}"));
        }
        problems.extend(self.unreadable.iter().map(|line| format!("unreadable: {line}")));
        let left_out = left_out();
        for (test, outcome) in &self.tests {
            match outcome {
                Outcome::Failed if !left_out.contains_key(test) => problems.push(format!("failed: {test}")),
                Outcome::Broken => problems.push(format!("had no world: {test}")),
                Outcome::Failed | Outcome::Passed | Outcome::SwitchedOff => {}
            }
        }
        let stale = left_out
            .iter()
            .filter(|(test, _)| self.tests.get(*test) != Some(&Outcome::Failed));
        problems.extend(stale.map(|(test, reason)| format!("left out, but did not fail: {test} ({reason})")));
        problems
    }
}

/// A line for each file, and the sum.
impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = left_out();
        let mut files: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for (test, outcome) in &self.tests {
            let file = test.split_once("::").map_or(test.as_str(), |(file, _)| file);
            let kind = match outcome {
                Outcome::Passed => "passed",
                Outcome::SwitchedOff => "switched off by the SDK",
                Outcome::Failed => left_out.get(test).copied().unwrap_or("FAILED"),
                Outcome::Broken => "HAD NO WORLD",
            };
            *files.entry(file).or_default().entry(kind).or_default() += 1;
        }
        for (file, kinds) in files {
            let kinds: Vec<String> = kinds
                .iter()
                .map(|(kind, count)| format!("{count} {kind}"))
                .collect();
            writeln!(f, "{file}: {}", kinds.join("; "))?;
        }
        let failed = self.count(Outcome::Failed);
        write!(
            f,
            "{} passed, {failed} failed of {} left out, {} switched off by the SDK",
            self.count(Outcome::Passed),
            left_out.len(),
            self.count(Outcome::SwitchedOff)
        )
    }
}

/// What the plugin writes in a good run.
fn good_run() -> String {
    let mut text = format!("collected\t{TESTS}\n");
    let failed = left_out();
    for test in failed.keys() {
        text.push_str(&format!("failed\t{test}\n"));
    }
    for number in 0..SWITCHED_OFF {
        text.push_str(&format!("skipped\toff.py::{number}\n"));
    }
    for number in 0..TESTS - SWITCHED_OFF - failed.len() {
        text.push_str(&format!("passed\ton.py::{number}\n"));
    }
    text + "finished\t1\n"
}

fn problems(text: &str, exit: Option<i32>) -> String {
    Outcomes::parse(text).problems(exit).join("\n")
}

#[test]
fn a_run_with_the_tests_that_are_left_out_and_no_other_failure_is_good() {
    assert_eq!(problems(&good_run(), Some(1)), "");
}

#[test]
fn a_run_that_breaks_is_found_out() {
    let good = good_run();
    for (text, exit, found) in [
        (
            String::new(),
            Some(2),
            "pytest ended with Some(2), and wrote None",
        ),
        (
            "collected\t0\nfinished\t5\n".to_owned(),
            Some(5),
            "0 of Some(0) collected tests",
        ),
        (good.clone(), None, "pytest ended with None"),
        (good.replace("finished\t1\n", ""), Some(1), "wrote None"),
        (
            good.replace("passed\ton.py::7\n", ""),
            Some(1),
            "3619 of Some(3620)",
        ),
        (
            good.replace("passed\ton.py::7\n", "skipped\ton.py::7\n"),
            Some(1),
            "1741 tests were switched off",
        ),
        (
            good.replace("passed\ton.py::7\n", "broken\ton.py::7\n"),
            Some(1),
            "had no world: on.py::7",
        ),
        (
            good.replace("passed\ton.py::7\n", "pas"),
            Some(1),
            "unreadable: pas",
        ),
    ] {
        let problems = problems(&text, exit);
        assert!(problems.contains(found), "{found}: {problems}");
    }
}

#[test]
fn a_failure_beside_those_that_are_left_out_and_one_that_passes_now_are_found_out() {
    let good = good_run();
    let (test, _) = left_out().pop_first().unwrap();
    let neighbour = test.replace('[', "_again[");
    let failed = good.replace("passed\ton.py::7\n", &format!("failed\t{neighbour}\n"));
    assert_eq!(problems(&failed, Some(1)), format!("failed: {neighbour}"));
    let passed = good.replace(&format!("failed\t{test}\n"), &format!("passed\t{test}\n"));
    assert!(problems(&passed, Some(1)).starts_with(&format!("left out, but did not fail: {test} (")));
}
