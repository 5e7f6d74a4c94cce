//! Variables: what `Assign` has given names to. Each `States` object of a machine has its own; those inside a
//! branch or an iteration see the ones outside as they were when it began.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::payload::Payload;

/// The variables that are visible somewhere; copying it costs a pointer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Variables(Option<Arc<Level>>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Level {
    own: BTreeMap<Arc<str>, Payload>,
    outer: Variables,
}

impl Variables {
    /// The value of the variable with this name, written without `$`.
    pub fn get(&self, name: &str) -> Option<&Payload> {
        let mut level = self.0.as_deref();
        while let Some(Level { own, outer }) = level {
            if let Some(value) = own.get(name) {
                return Some(value);
            }
            level = outer.0.as_deref();
        }
        None
    }

    /// What a branch or an iteration begins with: these, and none of its own.
    #[must_use]
    pub fn inside(&self) -> Self {
        match &self.0 {
            None => Self::default(),
            Some(level) if level.own.is_empty() => self.clone(),
            Some(_) => Self(Some(Arc::new(Level { own: BTreeMap::new(), outer: self.clone() }))),
        }
    }

    /// Gives values to variables of this scope.
    pub fn assign<'v>(&mut self, values: impl IntoIterator<Item = (&'v str, Payload)>) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return;
        }
        let level = self.0.get_or_insert_with(|| {
            Arc::new(Level { own: BTreeMap::new(), outer: Self::default() })
        });
        let own = &mut Arc::make_mut(level).own;
        for (name, value) in values {
            own.insert(name.into(), value);
        }
    }

    /// The value that this scope itself gave this name.
    pub fn own(&self, name: &str) -> Option<&Payload> {
        self.0.as_deref()?.own.get(name)
    }

    /// All values that this scope itself gave names to.
    pub fn all_own(&self) -> impl Iterator<Item = &Payload> {
        self.0.as_deref().into_iter().flat_map(|level| level.own.values())
    }

    /// What this scope itself gave names to, and what is outside of it; `None` where there are no variables.
    pub fn level(&self) -> Option<(&BTreeMap<Arc<str>, Payload>, &Self)> {
        self.0.as_deref().map(|level| (&level.own, &level.outer))
    }

    /// Such a scope.
    pub fn of_level(own: BTreeMap<Arc<str>, Payload>, outer: Self) -> Self {
        Self(Some(Arc::new(Level { own, outer })))
    }

    /// Where they are in memory: the same for all that share them, and for no other while one of them is
    /// there.
    pub fn address(&self) -> usize {
        self.0.as_ref().map_or(0, |level| Arc::as_ptr(level) as usize)
    }

    /// Bytes of all their values as JSON.
    pub fn size_bytes(&self) -> usize {
        let levels = std::iter::successors(self.0.as_deref(), |level| level.outer.0.as_deref());
        levels.flat_map(|level| level.own.values()).map(Payload::size_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Variables;
    use crate::payload::Payload;

    fn number(number: u32) -> Payload {
        Payload::from_text(number.to_string()).unwrap()
    }

    #[test]
    fn a_scope_sees_those_outside_as_they_were_when_it_began() {
        let mut outer = Variables::default();
        outer.assign([("a", number(1)), ("b", number(2))]);
        let mut inner = outer.inside();
        inner.assign([("c", number(3))]);
        outer.assign([("a", number(9))]);
        let seen = |name| inner.get(name).map(Payload::raw);
        assert_eq!([seen("a"), seen("b"), seen("c")], [Some("1"), Some("2"), Some("3")]);
        assert_eq!(outer.get("c"), None);
        assert_eq!(outer.get("a").map(Payload::raw), Some("9"));
        assert_eq!(inner.size_bytes(), 3);
        assert_eq!((inner.own("c"), inner.own("a")), (Some(&number(3)), None));
        assert_eq!(inner.all_own().collect::<Vec<_>>(), [&number(3)]);
    }
}
