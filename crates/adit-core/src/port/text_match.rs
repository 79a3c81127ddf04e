//! Conditions on texts in lists.

/// How a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// It is this.
    Equal,
    /// It is anything else.
    NotEqual,
    /// It starts so.
    StartsWith,
    /// It ends so.
    EndsWith,
    /// It has this in it.
    Contains,
}

/// A condition on a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMatch {
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub text: String,
    /// Whether upper and lower case differ; only ASCII letters have a case.
    pub case_matters: bool,
}

impl TextMatch {
    /// A condition that knows no case.
    pub fn new(comparison: Comparison, text: impl Into<String>) -> Self {
        Self {
            comparison,
            text: text.into(),
            case_matters: false,
        }
    }
}
