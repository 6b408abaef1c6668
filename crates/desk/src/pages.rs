//! A page of a list, and where the next one begins.

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it, in order.
    pub items: Vec<T>,
    /// What to ask for the next page with; absent on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` items out of those that come after the place where it begins.
    pub(crate) fn cut(rest: impl Iterator<Item = T>, limit: usize, id: impl Fn(&T) -> String) -> Page<T> {
        let mut items: Vec<T> = rest.take(limit + 1).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(id);
        Page { items, next }
    }
}
