//! Who gets a place: fair shares by function and by account, however many hang.
//!
//! A function may take one place more only while it holds fewer than are free. So one that hangs
//! ends with half of all places, two with a third each, and `k` of them leave `1 / (k + 1)`: there
//! is always room for the next, without anybody having to say how many there will be. The same
//! holds for accounts with larger factors, as many functions may belong to one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// An account's functions get further places only while it holds fewer than this times the free ones:
/// three quarters of all if it is alone.
const ACCOUNT_MORE: usize = 3;
/// And a first one, for a function that holds none, up to fifteen sixteenths: many functions that
/// hang hold up their own account, and no other.
const ACCOUNT_FIRST: usize = 15;

/// A function, by account and name or URL.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key {
    account: Arc<str>,
    function: Arc<str>,
}

impl Key {
    pub(super) fn new(account: &str, function: &str) -> Self {
        Self { account: account.into(), function: function.into() }
    }
}

/// The places of a node, who holds them, and who waits; `W` is how somebody who waits is told.
/// Functions and accounts are remembered only while they hold a place or wait for one.
pub(super) struct Shares<W> {
    free: usize,
    next_ticket: u64,
    accounts: HashMap<Arc<str>, Account<W>>,
}

/// What became of asking for a place.
pub(super) struct Asked<W> {
    /// `None`: the place is there.
    pub(super) ticket: Option<u64>,
    /// Who else has a place now.
    pub(super) served: Vec<W>,
}

struct Account<W> {
    held: usize,
    functions: HashMap<Arc<str>, Function<W>>,
    /// The functions of which somebody waits and that may have more, in the order in which they are
    /// served: fewest places first, then whoever waits longest.
    order: BTreeSet<(usize, u64, Arc<str>)>,
}

struct Function<W> {
    held: usize,
    most: usize,
    /// By ticket, so that whoever came first is first.
    waiting: BTreeMap<u64, W>,
}

impl<W> Shares<W> {
    pub(super) fn new(all: usize) -> Self {
        Self { free: all, next_ticket: 0, accounts: HashMap::new() }
    }

    /// Asks for a place of a function that may have `most` of them.
    pub(super) fn ask(&mut self, key: &Key, most: usize, waiter: impl FnOnce() -> W) -> Asked<W> {
        let free = self.free;
        let (ticket, waits) = (self.next_ticket, self.waits(key));
        let account = self.accounts.entry(key.account.clone()).or_default();
        let account_held = account.held;
        let is_served = account.change(&key.function, |function| {
            function.most = most;
            let is_served =
                !waits && function.held < most && fits(free, account_held, function.held);
            if is_served {
                function.held += 1;
            } else {
                function.waiting.insert(ticket, waiter());
            }
            is_served
        });
        if is_served {
            account.held += 1;
            self.free -= 1;
            return Asked { ticket: None, served: Vec::new() };
        }
        self.next_ticket += 1;
        // The function may have been allowed more than before.
        Asked { ticket: Some(ticket), served: self.serve() }
    }

    /// Gives a place back; tells who has one now.
    pub(super) fn release(&mut self, key: &Key) -> Vec<W> {
        if let Some(account) = self.accounts.get_mut(&key.account) {
            account.change(&key.function, |function| function.held -= 1);
            account.held -= 1;
            self.free += 1;
        }
        self.forget(&key.account);
        self.serve()
    }

    /// Somebody waits no longer; `false` if he has been served already.
    pub(super) fn leave(&mut self, key: &Key, ticket: u64) -> bool {
        let waited = self.accounts.get_mut(&key.account).is_some_and(|account| {
            account.change(&key.function, |function| function.waiting.remove(&ticket).is_some())
        });
        self.forget(&key.account);
        waited
    }

    fn waits(&self, key: &Key) -> bool {
        self.waiting(key) > 0
    }

    /// How many wait for a place of this function.
    pub(super) fn waiting(&self, key: &Key) -> usize {
        let account = self.accounts.get(&key.account);
        let function = account.and_then(|account| account.functions.get(&key.function));
        function.map_or(0, |function| function.waiting.len())
    }

    /// Gives free places to those who wait, until nobody may have more.
    fn serve(&mut self) -> Vec<W> {
        let mut served = Vec::new();
        while let Some(key) = self.next() {
            let Some(account) = self.accounts.get_mut(&key.account) else { break };
            let waiter = account.change(&key.function, |function| {
                function.held += 1;
                function.waiting.pop_first().map(|(_, waiter)| waiter)
            });
            account.held += 1;
            self.free -= 1;
            served.extend(waiter);
        }
        served
    }

    /// Whose turn it is: of the account that holds fewest places, the function that does. An
    /// account whose first function may not have more has none that may. Those that may not hold
    /// about as many places as are free, each; so few are passed over.
    fn next(&self) -> Option<Key> {
        if self.free == 0 {
            return None;
        }
        let turns = self.accounts.iter().filter_map(|(name, account)| {
            let (held, ticket, function) = account.order.first()?;
            let fits = fits(self.free, account.held, *held);
            fits.then_some((account.held, *held, *ticket, name, function))
        });
        let (.., account, function) = turns.min()?;
        Some(Key { account: account.clone(), function: function.clone() })
    }

    fn forget(&mut self, account: &Arc<str>) {
        if self.accounts.get(account).is_some_and(|account| account.functions.is_empty()) {
            self.accounts.remove(account);
        }
    }
}

/// Whether there is a place for a function and an account that hold so many.
fn fits(free: usize, account_held: usize, function_held: usize) -> bool {
    let factor = if function_held == 0 { ACCOUNT_FIRST } else { ACCOUNT_MORE };
    free > 0
        && (function_held == 0 || function_held < free)
        && (account_held == 0 || account_held < free.saturating_mul(factor))
}

impl<W> Default for Account<W> {
    fn default() -> Self {
        Self { held: 0, functions: HashMap::new(), order: BTreeSet::new() }
    }
}

impl<W> Account<W> {
    /// Changes a function and keeps it at its place in the order; one that neither holds nor waits
    /// is forgotten.
    fn change<R>(&mut self, name: &Arc<str>, change: impl FnOnce(&mut Function<W>) -> R) -> R {
        let function = self.functions.entry(name.clone()).or_default();
        let before = function.turn();
        let result = change(function);
        let after = function.turn();
        let is_idle = function.held == 0 && function.waiting.is_empty();
        if before != after {
            if let Some((held, ticket)) = before {
                self.order.remove(&(held, ticket, name.clone()));
            }
            if let Some((held, ticket)) = after {
                self.order.insert((held, ticket, name.clone()));
            }
        }
        if is_idle {
            self.functions.remove(name);
        }
        result
    }
}

impl<W> Default for Function<W> {
    fn default() -> Self {
        Self { held: 0, most: 0, waiting: BTreeMap::new() }
    }
}

impl<W> Function<W> {
    /// How it stands in the order, if somebody waits and it may have more.
    fn turn(&self) -> Option<(usize, u64)> {
        let (ticket, _) = self.waiting.first_key_value()?;
        (self.held < self.most).then_some((self.held, *ticket))
    }
}

#[cfg(test)]
mod tests;
