//! A queue that is fair among those who fill it: whoever has much in it does not hold up who has little.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Things that wait, each of somebody's. Everybody's come in their order, and all have their turns, each as
/// much at once as his share.
pub(crate) struct Fair<K, T> {
    /// What waits, by whose it is; nobody's is empty.
    waiting: HashMap<K, Waiting<T>>,
    /// Whose turn it is next.
    turns: VecDeque<K>,
    /// How much everybody may take in one turn.
    share: usize,
    len: usize,
}

struct Waiting<T> {
    things: VecDeque<(T, usize)>,
    /// How much of this turn's share is left.
    left: usize,
}

impl<K: Clone + Eq + Hash, T> Fair<K, T> {
    pub(crate) fn new(share: usize) -> Self {
        Self { waiting: HashMap::new(), turns: VecDeque::new(), share, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One more of somebody's, of this size.
    pub(crate) fn push(&mut self, whose: K, thing: T, size: usize) {
        self.len += 1;
        let waiting = self.waiting.entry(whose).or_insert_with_key(|whose| {
            self.turns.push_back(whose.clone());
            Waiting { things: VecDeque::new(), left: self.share }
        });
        waiting.things.push_back((thing, size));
    }

    /// The next, if it is no larger than that.
    pub(crate) fn pop_within(&mut self, most: usize) -> Option<T> {
        let whose = self.turns.front()?.clone();
        let waiting = self.waiting.get_mut(&whose)?;
        if waiting.things.front().is_some_and(|(_, size)| *size > most) {
            return None;
        }
        let (thing, size) = waiting.things.pop_front()?;
        self.len -= 1;
        if waiting.things.is_empty() {
            self.waiting.remove(&whose);
            self.turns.pop_front();
        } else if size >= waiting.left {
            waiting.left = self.share;
            self.turns.rotate_left(1);
        } else {
            waiting.left -= size;
        }
        Some(thing)
    }

    /// The next, whatever its size.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.pop_within(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_little_waits_for_one_share_of_each_other() {
        let mut fair = Fair::new(10);
        for number in 0..100 {
            fair.push("much", format!("much {number}"), 6);
        }
        fair.push("little", "little".to_owned(), 1);
        let first: Vec<String> = (0..3).filter_map(|_| fair.pop()).collect();
        assert_eq!(first, ["much 0", "much 1", "little"]);
        let rest: Vec<String> = std::iter::from_fn(|| fair.pop()).collect();
        assert_eq!(rest.len(), 98);
        assert_eq!(rest[0], "much 2", "everybody's come in their order");
        assert!(fair.is_empty());
    }

    #[test]
    fn what_is_too_large_for_now_stays_where_it_is() {
        let mut fair = Fair::new(10);
        fair.push(1, "large", 50);
        assert_eq!(fair.pop_within(49), None);
        assert_eq!(fair.pop_within(50), Some("large"));
        assert_eq!(fair.pop(), None);
    }
}
