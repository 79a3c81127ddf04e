//! Lines in a box.

/// Blanks on both sides of a line, and between two columns.
const PADDING: usize = 2;

/// The rows of a table as lines: each column as wide as its widest cell, the last one as wide as it is.
pub(super) fn columns<const N: usize>(rows: &[[&str; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[&str; N]| {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line += cell;
            if at + 1 < N {
                line += &" ".repeat(width + PADDING - cell.chars().count());
            }
        }
        line
    };
    rows.iter().map(line).collect()
}

/// The lines in a frame, under a title in the middle.
pub(super) fn boxed(title: &str, lines: &[String]) -> Vec<String> {
    let longest = lines.iter().map(|line| line.chars().count()).max();
    let inner = longest.unwrap_or(0).max(title.chars().count()) + 2 * PADDING;
    let border = format!("+{}+", "-".repeat(inner));
    let wide = inner - 2 * PADDING;
    let framed = lines.iter().map(|line| format!("|  {line:<wide$}  |"));
    let head = [border.clone(), format!("|{title:^inner$}|"), border.clone()];
    head.into_iter().chain(framed).chain([border]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let lines = columns(&[["A", "B", "C"], ["longer", "b", "c is as long as it is"]]);
        assert_eq!(lines, ["A       B  C", "longer  b  c is as long as it is"]);
    }

    #[test]
    fn a_box_is_as_wide_as_its_longest_line() {
        let lines = boxed("AB", &["one".to_owned(), "three".to_owned()]);
        assert_eq!(
            lines,
            [
                "+---------+",
                "|   AB    |",
                "+---------+",
                "|  one    |",
                "|  three  |",
                "+---------+"
            ]
        );
    }
}
