//! Whether the page for people knows every code.

use std::collections::BTreeSet;

use super::code;

const PAGE: &str = include_str!("../../../../docs/api.md");

/// The codes in the table of failures, which are in its second column.
fn told() -> BTreeSet<u32> {
    let rows = PAGE
        .lines()
        .skip_while(|line| *line != "| Status | Codes | Means |");
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let codes = rows.filter_map(|row| row.split('|').nth(2));
    let numbers = codes.flat_map(|codes| codes.split(|letter: char| !letter.is_ascii_digit()));
    numbers.filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn the_page_for_people_tells_of_every_code_and_of_no_other() {
    let known: BTreeSet<u32> = code::ALL.iter().copied().collect();
    assert_eq!(told(), known);
}

#[test]
fn no_code_is_below_what_clients_take_for_one() {
    assert!(code::ALL.iter().all(|code| *code >= 1000));
}
