//! A store's address, as operators write it.

use std::{fmt, path::PathBuf, str::FromStr};

/// Where a store is.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database of PostgreSQL: its URL, which may hold a password.
    Postgres(String),
}

/// A text that is no store's address. It is not quoted: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a store is sqlite:PATH or postgres://USER@HOST/DATABASE; what is special in a URL is written with % in a password"
)]
pub struct BadStoreAddress;

impl FromStr for StoreAddress {
    type Err = BadStoreAddress;

    /// Reads `sqlite:<path>`, a path that begins with `/` or `.`, or `postgres://…`.
    fn from_str(text: &str) -> Result<Self, BadStoreAddress> {
        let path = match text.split_once(':') {
            Some(("postgres" | "postgresql", rest)) => {
                return match rest.strip_prefix("//") {
                    Some(rest) if is_sound(rest) => Ok(Self::Postgres(text.to_owned())),
                    Some(_) | None => Err(BadStoreAddress),
                };
            }
            Some(("sqlite", path)) => path.strip_prefix("//").unwrap_or(path),
            Some(_) | None if text.starts_with(['/', '.']) => text,
            Some(_) | None => return Err(BadStoreAddress),
        };
        // SQLite would take these for a database in memory, of which writer and readers would each have their own.
        if path.is_empty() || path == ":memory:" {
            return Err(BadStoreAddress);
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

/// Whether what follows `postgres://` says what its writer means. A `/`, `?` or `#` in a password would end it there, and
/// the rest would be shown as a database or logged as a parameter that nobody knows.
fn is_sound(rest: &str) -> bool {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (_, behind) = rest.split_at(end);
    let parameters = behind.split_once('?').map_or("", |(_, parameters)| parameters);
    !behind.contains(['@', '#'])
        && parameters
            .split('&')
            .filter(|parameter| !parameter.is_empty())
            .all(|parameter| is_known(parameter.split('=').next().unwrap_or_default()))
}

fn is_known(parameter: &str) -> bool {
    const KNOWN: [&str; 18] = [
        "application_name",
        "dbname",
        "host",
        "hostaddr",
        "options",
        "password",
        "port",
        "ssl-ca",
        "ssl-cert",
        "ssl-key",
        "ssl-mode",
        "ssl-root-cert",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "statement-cache-capacity",
        "user",
    ];
    KNOWN.contains(&parameter) || (parameter.starts_with("options[") && parameter.ends_with(']'))
}

impl StoreAddress {
    /// The address as [`Store::open`](crate::Store::open) takes it, password and all.
    #[must_use]
    pub fn expose(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(url) => url.clone(),
        }
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres([redacted])"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_a_path_with_or_without_its_engine() {
        for (text, path) in [
            ("sqlite:/a/adit.db", "/a/adit.db"),
            ("sqlite:///a/adit.db", "/a/adit.db"),
            ("sqlite:adit.db", "adit.db"),
            ("/a:b/adit.db", "/a:b/adit.db"),
            ("./adit.db", "./adit.db"),
        ] {
            assert_eq!(text.parse(), Ok(StoreAddress::Sqlite(path.into())), "{text}");
        }
    }

    #[test]
    fn an_address_of_a_server_may_say_how_it_is_reached() {
        for text in [
            "postgres://",
            "postgresql://adit:hunter2@db.example:5433/adit?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "postgres:///adit?host=/run/postgresql&options[search_path]=adit",
        ] {
            let address: StoreAddress = text.parse().unwrap();
            assert_eq!(address.expose(), text);
            assert_eq!(format!("{address:?}"), "Postgres([redacted])");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_never_quoted() {
        for text in [
            "",
            "adit.db",
            "sqlite:",
            "sqlite::memory:",
            "mysql://adit:hunter2@db/adit",
            "adit:hunter2@db/adit",
            "postgres:adit:hunter2@db",
            "postgres://adit:hun/ter2@db/adit",
            "postgres://adit:12?hunter2@db/adit",
            "postgres://adit:12#hunter2@db/adit",
            "postgres://db/adit?pasword=hunter2",
        ] {
            let problem = text.parse::<StoreAddress>().unwrap_err().to_string();
            assert!(!problem.contains("hunter2"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_alike(text in "(sqlite:|postgres://|/)?\\PC{0,20}") {
            if let Ok(address) = text.parse::<StoreAddress>() {
                prop_assert_eq!(address.expose().parse(), Ok(address));
            }
        }
    }
}
