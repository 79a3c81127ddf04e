//! The query of a management request.

use adit_model::ConnectorId;

use super::ManagementRefusal;

const TOKEN: &str = "access_token";
const CONNECTOR: &str = "connector_id";

/// What a management request says in its query. Both values are read as they stand: neither a token nor an id has a
/// character that needs an escape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ManagementQuery<'a> {
    /// The management token, not looked at yet. A credential.
    pub token: &'a str,
    /// Which connector is meant; any of the tunnel if none is.
    pub connector: Option<ConnectorId>,
}

impl<'a> ManagementQuery<'a> {
    /// Reads a query.
    ///
    /// # Errors
    /// [`ManagementRefusal::NoToken`] without a token. [`ManagementRefusal::BadQuery`] where the connector, which gets the
    /// query as it is, could read another token or connector: names with escapes, semicolons, and what stands there
    /// twice. [`ManagementRefusal::BadConnector`] if that is no id.
    pub fn parse(query: Option<&'a str>) -> Result<Self, ManagementRefusal> {
        let (mut token, mut connector) = (None, None);
        let query = query.unwrap_or_default();
        if query.contains(';') {
            return Err(ManagementRefusal::BadQuery);
        }
        for item in query.split('&') {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            if name.contains(['%', '+']) {
                return Err(ManagementRefusal::BadQuery);
            }
            let place = match name {
                TOKEN => &mut token,
                CONNECTOR => &mut connector,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(ManagementRefusal::BadQuery);
            }
        }
        let token = token.filter(|token| !token.is_empty());
        let connector = connector
            .filter(|connector| !connector.is_empty())
            .map(str::parse);
        Ok(Self {
            token: token.ok_or(ManagementRefusal::NoToken)?,
            connector: connector
                .transpose()
                .map_err(|_| ManagementRefusal::BadConnector)?,
        })
    }
}

impl std::fmt::Debug for ManagementQuery<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManagementQuery")
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";

    #[test]
    fn token_and_connector_are_read_as_they_stand() {
        let query = format!("x=%20&access_token=a.b-c_d&connector_id={ID}");
        let read = ManagementQuery::parse(Some(&query)).unwrap();
        assert_eq!(
            (read.token, read.connector),
            ("a.b-c_d", Some(ID.parse().unwrap()))
        );
        assert_eq!(
            ManagementQuery::parse(Some("access_token=t&connector_id="))
                .unwrap()
                .connector,
            None
        );
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        use ManagementRefusal::{BadConnector, BadQuery, NoToken};
        for (query, refusal) in [
            (None, NoToken),
            (Some(""), NoToken),
            (Some("access_token"), NoToken),
            (Some("access_token="), NoToken),
            (Some("Access_Token=a"), NoToken),
            (Some("access_token=a&access_token=b"), BadQuery),
            (Some("access_token=a&access_token=a"), BadQuery),
            (Some("access_token=a&access%5Ftoken=b"), BadQuery),
            (Some("access_token=a;access_token=b"), BadQuery),
            (Some("access_token=a&connector_id=x&connector_id=y"), BadQuery),
            (Some("access_token=a&connector_id=x"), BadConnector),
        ] {
            assert_eq!(ManagementQuery::parse(query), Err(refusal), "{query:?}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let read = ManagementQuery::parse(Some("access_token=secret")).unwrap();
        assert!(!format!("{read:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn no_query_panics(query: String) {
            let _ = ManagementQuery::parse(Some(&query));
        }
    }
}
