//! Conditions on text columns, the same on both engines.
//!
//! LIKE knows no case in SQLite and knows it in PostgreSQL, so either side is brought to lower case, or LIKE is not
//! used at all.

use adit_core::port::{Comparison, TextMatch};

use super::Query;

/// Goes on with a condition on a column, which must not be null.
pub(crate) fn push(query: Query, column: &'static str, wanted: &TextMatch) -> Query {
    if wanted.case_matters {
        exactly(query, column, wanted)
    } else {
        without_case(query, column, wanted)
    }
}

/// The same for a column that holds lower case only, such as a host name. Equality is found by its index.
pub(crate) fn push_to_lower(query: Query, column: &'static str, wanted: &TextMatch) -> Query {
    match wanted.comparison {
        Comparison::Equal if !wanted.case_matters => query
            .push(column)
            .push(" = ")
            .push_bind(wanted.text.to_ascii_lowercase()),
        Comparison::Equal
        | Comparison::NotEqual
        | Comparison::StartsWith
        | Comparison::EndsWith
        | Comparison::Contains => push(query, column, wanted),
    }
}

fn without_case(query: Query, column: &'static str, wanted: &TextMatch) -> Query {
    let text = wanted.text.to_ascii_lowercase();
    let query = query.push("lower(").push(column).push(")");
    match wanted.comparison {
        Comparison::Equal => query.push(" = ").push_bind(text),
        Comparison::NotEqual => query.push(" <> ").push_bind(text),
        Comparison::StartsWith => like(query, ["", &text, "%"]),
        Comparison::EndsWith => like(query, ["%", &text, ""]),
        Comparison::Contains => like(query, ["%", &text, "%"]),
    }
}

/// Goes on with LIKE and a pattern: a text that means itself between what is before and behind it.
pub(crate) fn like(query: Query, [before, text, behind]: [&str; 3]) -> Query {
    let pattern = format!("{before}{}{behind}", escaped(text));
    query.push(" LIKE ").push_bind(pattern).push(" ESCAPE '!'")
}

/// A text that means itself in a pattern of LIKE.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '!' | '%' | '_') {
            escaped.push('!');
        }
        escaped.push(letter);
    }
    escaped
}

fn exactly(query: Query, column: &'static str, wanted: &TextMatch) -> Query {
    let text = &wanted.text;
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    match wanted.comparison {
        Comparison::Equal => query.push(column).push(" = ").push_bind(text),
        Comparison::NotEqual => query.push(column).push(" <> ").push_bind(text),
        Comparison::StartsWith => query
            .push("substr(")
            .push(column)
            .push(", 1, CAST(")
            .push_bind(length)
            .push(" AS INTEGER)) = ")
            .push_bind(text),
        Comparison::EndsWith => {
            let query = query
                .push("(length(")
                .push(column)
                .push(") >= ")
                .push_bind(length);
            let query = query
                .push(" AND substr(")
                .push(column)
                .push(", CAST(length(")
                .push(column);
            let query = query.push(") - ").push_bind(length).push(" + 1 AS INTEGER)) = ");
            query.push_bind(text).push(")")
        }
        // What is found can be taken out, and then something is missing.
        Comparison::Contains => {
            let query = query.push("replace(").push(column).push(", ").push_bind(text);
            query.push(", '') <> ").push(column)
        }
    }
}

type Condition<'a> = Box<dyn FnOnce(Query) -> Query + Send + 'a>;

/// Conditions of which all must hold, or any.
#[derive(Default)]
pub(crate) struct Conditions<'a>(Vec<Condition<'a>>);

impl<'a> Conditions<'a> {
    /// One more.
    pub(crate) fn add(&mut self, condition: impl FnOnce(Query) -> Query + Send + 'a) {
        self.0.push(Box::new(condition));
    }

    /// Goes on with ` AND (…)`, unless there are none.
    pub(crate) fn push_to(self, query: Query, any: bool) -> Query {
        if self.0.is_empty() {
            return query;
        }
        joined(query.push(" AND "), self.0, if any { " OR " } else { " AND " })
    }
}

/// Goes on with all of them, nested as little as can be: SQLite knows a limit.
fn joined<'a>(query: Query, mut conditions: Vec<Condition<'a>>, between: &'static str) -> Query {
    let query = query.push("(");
    if conditions.len() > 1 {
        let others = conditions.split_off(conditions.len() / 2);
        let query = joined(query, conditions, between).push(between);
        return joined(query, others, between).push(")");
    }
    let query = conditions
        .into_iter()
        .fold(query, |query, condition| condition(query));
    query.push(")")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Value, query};

    #[test]
    fn what_like_takes_for_something_else_means_itself() {
        let grown = like(query("name"), ["%.", "a_b%!", ""]);
        assert_eq!(grown.text, "name LIKE $1 ESCAPE '!'");
        assert!(matches!(&grown.values[..], [Value::Text(Some(text))] if text == "%.a!_b!%!!"));
    }

    #[test]
    fn many_conditions_nest_little() {
        let mut conditions = Conditions::default();
        for _ in 0..5 {
            conditions.add(|query| query.push("x"));
        }
        let grown = conditions.push_to(query("1 = 1"), true);
        assert_eq!(grown.text, "1 = 1 AND (((x) OR (x)) OR ((x) OR ((x) OR (x))))");
        assert_eq!(Conditions::default().push_to(query("1 = 1"), true).text, "1 = 1");
    }
}
