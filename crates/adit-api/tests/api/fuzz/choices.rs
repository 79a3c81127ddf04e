//! A source of decisions that proptest can make smaller.

/// Decisions, one after the other; when they run out, each is the simplest.
pub(super) struct Choices<'c>(std::slice::Iter<'c, u16>);

impl<'c> Choices<'c> {
    pub(super) fn new(choices: &'c [u16]) -> Self {
        Self(choices.iter())
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % bound.max(1)
    }

    /// True in `percent` of all cases, and never once the decisions ran out.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    /// One of these.
    pub(super) fn one<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[self.below(values.len())]
    }
}
