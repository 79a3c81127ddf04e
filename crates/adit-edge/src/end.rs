//! Who ends what passes through the edge.

/// Who ended an answer, or a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Nobody before its time: the client got all of it.
    Complete,
    /// The client left, or took nothing for too long.
    Client,
    /// The connector, the way to it, or the origin behind it.
    Connector,
    /// This edge stopped.
    Edge,
}

impl End {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Client => "client",
            Self::Connector => "connector",
            Self::Edge => "edge",
        }
    }
}
