//! The TOML file: every value as text, with its place.

use std::{fs, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{ConfigError, keys::KEYS};

/// Far above any real file; keeps a wrong path (`/dev/zero`) from filling memory.
const MAX_BYTES: u64 = 1024 * 1024;

/// What a configuration file says.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    entries: Vec<Entry>,
}

/// One value.
#[derive(Debug)]
pub(super) struct Entry {
    key: String,
    /// As it would stand in a flag.
    pub(super) text: String,
    /// File and line.
    pub(super) place: String,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] if it cannot be read, is no TOML, or has a key that nobody knows.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |cause| ConfigError::Unreadable {
            path: path.to_owned(),
            cause,
        };
        let file = fs::File::open(path).map_err(unreadable)?;
        let text = std::io::read_to_string(std::io::Read::take(file, MAX_BYTES)).map_err(unreadable)?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let place = |offset: usize| format!("{}:{}", path.display(), line_of(text, offset));
        let document = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            place: place(error.span().map_or(0, |span| span.start)),
            problem: error.message().to_owned(),
        })?;
        let mut file = Self::default();
        file.collect("", document.get_ref(), &place)?;
        Ok(file)
    }

    fn collect(
        &mut self,
        table: &str,
        values: &DeTable<'_>,
        place: &impl Fn(usize) -> String,
    ) -> Result<(), ConfigError> {
        for (name, value) in values {
            let key = if table.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{table}.{}", name.get_ref())
            };
            let place_of_key = place(name.span().start);
            if KEYS.iter().any(|known| known.name == key) {
                let text = text_of(value).map_err(|problem| ConfigError::BadValue {
                    origin: format!("{}: `{key}`", place(value.span().start)),
                    problem,
                })?;
                self.entries.push(Entry {
                    key,
                    text,
                    place: place_of_key,
                });
                continue;
            }
            let below = format!("{key}.");
            if let DeValue::Table(inner) = value.get_ref()
                && KEYS.iter().any(|known| known.name.starts_with(&below))
            {
                self.collect(&key, inner, place)?;
                continue;
            }
            let suggestion = nearest(&key).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            return Err(ConfigError::UnknownKey {
                place: place_of_key,
                key,
                suggestion,
            });
        }
        Ok(())
    }

    /// What the file says about a key.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// A value as it would stand in a flag.
fn text_of(value: &Spanned<DeValue<'_>>) -> Result<String, String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        DeValue::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(text_of).collect();
            Ok(items?.join(","))
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => {
            Err("a text, a whole number, true, false or a list of these is needed".to_owned())
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// The known key that differs least, if it differs little.
fn nearest(key: &str) -> Option<&'static str> {
    let leaf = key.rsplit('.').next().unwrap_or(key);
    let near = KEYS
        .iter()
        .map(|known| (distance(key, known.name), known.name))
        .min()?;
    if near.0 <= 2 {
        return Some(near.1);
    }
    KEYS.iter()
        .map(|known| known.name)
        .find(|name| name.rsplit('.').next() == Some(leaf))
}

/// The number of letters to insert, remove or replace (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut previous = index + 1;
        for (cell, &other) in row.iter_mut().skip(1).zip(&right) {
            let above = *cell;
            previous = (diagonal + usize::from(letter != other))
                .min(above + 1)
                .min(previous + 1);
            diagonal = above;
            *cell = previous;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
        ConfigFile::parse(text, Path::new("adit.toml"))
    }

    #[test]
    fn an_unknown_key_is_named_with_file_and_line() {
        for (text, message) in [
            (
                "domain = \"a.b\"\n\n[edge]\nlistne = 1\n",
                "adit.toml:4: unknown key `edge.listne`; did you mean `edge.listen`?",
            ),
            ("colour = 1", "adit.toml:1: unknown key `colour`"),
            ("\n[egde]\nlisten = 1", "adit.toml:2: unknown key `egde`"),
            ("edge = 3", "adit.toml:1: unknown key `edge`"),
            (
                "listen = \"127.0.0.1:1\"",
                "adit.toml:1: unknown key `listen`; did you mean `api.listen`?",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_syntax_error_is_named_with_file_and_line() {
        let message = parse("domain = \"a\"\nlocation = = 1\n").unwrap_err().to_string();
        assert!(message.starts_with("adit.toml:2: "), "{message}");
    }

    #[test]
    fn a_value_of_a_strange_type_is_refused_with_its_line() {
        let message = parse("\n[http]\nidle_timeout = 2.5\n").unwrap_err().to_string();
        assert!(
            message.starts_with("adit.toml:3: `http.idle_timeout`: "),
            "{message}"
        );
    }

    #[test]
    fn distance_counts_single_letters() {
        assert_eq!(
            (
                distance("", "abc"),
                distance("kitten", "sitting"),
                distance("a", "a")
            ),
            (3, 3, 0)
        );
    }

    proptest! {
        #[test]
        fn no_file_panics(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}
