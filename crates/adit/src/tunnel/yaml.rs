//! Results as YAML, byte for byte as the stock client writes them: its library's indents, quotes and plain words.
//! Source: go-yaml/yaml v3: encode.go, resolve.go, emitterc.go; the YAML 1.1 schema.

mod plain;

use std::fmt::Write as _;

/// How much deeper what is below a key stands.
const INDENT: usize = 4;

/// A value to be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Yaml {
    /// Nothing.
    Null,
    /// A switch.
    Bool(bool),
    /// A number.
    Number(u64),
    /// A time, which is written as it is.
    Time(String),
    /// A text, quoted if it would be read as something else.
    Text(String),
    /// A list.
    List(Vec<Yaml>),
    /// Names and values, in this order. The names are plain words.
    Map(Vec<(&'static str, Yaml)>),
}

/// What can be printed as YAML.
pub(super) trait ToYaml {
    /// Its value.
    fn to_yaml(&self) -> Yaml;
}

impl<T: ToYaml> ToYaml for [T] {
    fn to_yaml(&self) -> Yaml {
        Yaml::List(self.iter().map(ToYaml::to_yaml).collect())
    }
}

impl<T: ToYaml> ToYaml for Vec<T> {
    fn to_yaml(&self) -> Yaml {
        self.as_slice().to_yaml()
    }
}

impl Yaml {
    /// A text.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// The whole document.
    pub(super) fn document(&self) -> String {
        let mut out = String::new();
        self.block(0, true, &mut out);
        out
    }

    /// What stands on one line; `None` if it needs a block.
    fn line(&self) -> Option<String> {
        match self {
            Self::Null => Some("null".to_owned()),
            Self::Bool(on) => Some(on.to_string()),
            Self::Number(number) => Some(number.to_string()),
            Self::Time(text) => Some(text.clone()),
            Self::Text(text) => Some(plain::scalar(text)),
            Self::List(items) if items.is_empty() => Some("[]".to_owned()),
            Self::Map(fields) if fields.is_empty() => Some("{}".to_owned()),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Writes at a column; `started` says that the first line's blanks are there already.
    fn block(&self, column: usize, mut started: bool, out: &mut String) {
        let mut begin = |out: &mut String| {
            if !std::mem::take(&mut started) {
                let _ = write!(out, "{:column$}", "");
            }
        };
        match self {
            Self::Map(fields) if !fields.is_empty() => {
                for (name, value) in fields {
                    begin(out);
                    out.push_str(name);
                    out.push(':');
                    match value.line() {
                        Some(line) => {
                            let _ = writeln!(out, " {line}");
                        }
                        None => {
                            out.push('\n');
                            value.block((column + INDENT) / INDENT * INDENT, false, out);
                        }
                    }
                }
            }
            Self::List(items) if !items.is_empty() => {
                for item in items {
                    begin(out);
                    out.push_str("- ");
                    item.block(column + 2, true, out);
                }
            }
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::Time(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Map(_) => {
                begin(out);
                out.push_str(&self.line().unwrap_or_default());
                out.push('\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn blocks_stand_where_the_stock_clients_library_puts_them() {
        let item = Yaml::Map(vec![
            ("id", Yaml::text("a")),
            ("none", Yaml::List(Vec::new())),
            ("mask", Yaml::List(vec![Yaml::Number(255), Yaml::Null])),
            (
                "network",
                Yaml::Map(vec![("mask", Yaml::List(vec![Yaml::Bool(true)]))]),
            ),
        ]);
        let lists = Yaml::Map(vec![("lists", Yaml::List(vec![item]))]);
        assert_eq!(
            lists.document(),
            "lists:\n    - id: a\n      none: []\n      mask:\n        - 255\n        - null\n      network:\n        mask:\n            - true\n"
        );
        assert_eq!(Yaml::List(Vec::new()).document(), "[]\n");
    }

    fn any_yaml() -> impl Strategy<Value = Yaml> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Yaml::Text),
            "[-+.:0-9a-z ]{0,8}".prop_map(Yaml::Text),
            any::<bool>().prop_map(Yaml::Bool),
            (0..1_000_u64).prop_map(Yaml::Number),
            Just(Yaml::Null),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Yaml::List),
                prop::collection::vec(inner, 0..3)
                    .prop_map(|values| Yaml::Map(["ka", "kb", "kc"].into_iter().zip(values).collect())),
            ]
        })
    }

    fn as_json(value: &Yaml) -> Value {
        match value {
            Yaml::Null => Value::Null,
            Yaml::Bool(on) => json!(on),
            Yaml::Number(number) => json!(number),
            Yaml::Time(text) | Yaml::Text(text) => json!(text),
            Yaml::List(items) => items.iter().map(as_json).collect(),
            Yaml::Map(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), as_json(value)))
                    .collect(),
            ),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in any_yaml()) {
            let text = value.document();
            let read: Value = serde_saphyr::from_str(&text).map_err(|error| {
                TestCaseError::fail(format!("{error}\n{text}"))
            })?;
            prop_assert_eq!(read, as_json(&value), "{}", text);
        }
    }
}
