//! Where the state is kept.

use adit_store::BadStoreAddress;
pub(crate) use adit_store::StoreAddress as StoreUrl;

use super::value::Setting;

impl Setting for StoreUrl {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: BadStoreAddress| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_store_url_is_never_quoted() {
        for bad in [
            "mysql://user:hunter2@host/db",
            "postgres:user:hunter2@host",
            "adit.db",
        ] {
            let problem = StoreUrl::parse(bad).unwrap_err();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        assert_eq!(
            StoreUrl::parse("sqlite:b.db"),
            Ok(StoreUrl::Sqlite("b.db".into()))
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = StoreUrl::parse(&text);
        }
    }
}
