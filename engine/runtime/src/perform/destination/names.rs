//! Looks names up: as many at once as there are threads for, and however many hang, some are left for
//! the next account.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::perform::Turn;
use crate::perform::places::Places;

/// The addresses of a name, as the system knows them.
pub(in crate::perform) type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Names looked up at once. Each takes a thread, and those that hang must leave some to the look-ups of
/// the database.
const LOOKUPS: usize = 64;
/// Look-ups of one account that are under way or wait for their turn.
const MOST: usize = 1_024;
/// How long a look-up waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// For all nodes of a process, as they share its threads.
static SYSTEM: LazyLock<Arc<Names>> =
    LazyLock::new(|| Names::new(Arc::new(|host| Box::pin(look_up(host)))));

/// Looks names up, each once at a time for whichever account. An account takes the threads as functions
/// take the places of calls: one more only while it has fewer than are free. Accounts share no look-up,
/// so that none waits in the queue of another.
pub(in crate::perform) struct Names {
    lookup: Lookup,
    turns: Places,
    asked: Mutex<HashMap<Sought, Answer>>,
}

/// Whose look-up it is, and of which name.
type Sought = (Arc<str>, String);
/// What all who ask for it wait for.
type Answer = Shared<BoxFuture<'static, Result<Vec<IpAddr>, Arc<io::Error>>>>;

impl Names {
    /// Asks the system.
    pub(in crate::perform) fn of_system() -> Arc<Self> {
        SYSTEM.clone()
    }

    /// Asks this.
    pub(in crate::perform) fn new(lookup: Lookup) -> Arc<Self> {
        Arc::new(Self { lookup, turns: Places::new(LOOKUPS), asked: Mutex::default() })
    }

    /// The addresses of a name, looked up for this account.
    pub(super) async fn find(
        self: &Arc<Self>,
        account: &Arc<str>,
        host: &str,
    ) -> io::Result<Vec<IpAddr>> {
        let answer = self.answer((account.clone(), host.to_owned()))?;
        answer.await.map_err(|error| again(&error))
    }

    /// The answer that somebody waits for already, or that of a new look-up. It goes on if nobody waits
    /// for it any more, as the system cannot be told: so a name that hangs has one thread of an account,
    /// however often it is asked for.
    fn answer(self: &Arc<Self>, sought: Sought) -> io::Result<Answer> {
        let mut asked = self.asked();
        if let Some(answer) = asked.get(&sought) {
            return Ok(answer.clone());
        }
        if asked.keys().filter(|(account, _)| *account == sought.0).count() >= MOST {
            return Err(too_many());
        }
        let under_way = UnderWay { names: self.clone(), sought: sought.clone() };
        let (told, heard) = oneshot::channel();
        let broken_off = |_| Err(Arc::new(io::ErrorKind::Interrupted.into()));
        let answer = async move { heard.await.unwrap_or_else(broken_off) }.boxed().shared();
        asked.insert(sought, answer.clone());
        // A runtime that ends drops what it is given at once, and with it the entry.
        drop(asked);
        tokio::spawn(async move {
            let found = under_way.look_up().await.map_err(Arc::new);
            // Perhaps nobody waits for it any more.
            let _ = told.send(found);
        });
        Ok(answer)
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<Sought, Answer>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look-up that others can wait for until it has ended.
struct UnderWay {
    names: Arc<Names>,
    sought: Sought,
}

impl UnderWay {
    async fn look_up(self) -> io::Result<Vec<IpAddr>> {
        let (account, host) = &self.sought;
        let none_to_hear = Turn::default();
        let turn = self.names.turns.take(account, "", None, &none_to_hear, &|_| ());
        let _turn = timeout(PATIENCE, turn).await.map_err(|_| too_many())?;
        (self.names.lookup)(host.clone()).await
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.names.asked().remove(&self.sought);
    }
}

async fn look_up(host: String) -> io::Result<Vec<IpAddr>> {
    let asked = tokio::task::spawn_blocking(move || {
        let found = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), 0))?;
        Ok(found.map(|address| address.ip()).collect())
    });
    asked.await.unwrap_or_else(|error| Err(error.into()))
}

fn too_many() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "too many names are being looked up")
}

/// The same error for one more of those who waited for it.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Names that hang until they are let go, and others.
    struct Hanging {
        names: Arc<Names>,
        let_go: Arc<Semaphore>,
        asked: Arc<AtomicUsize>,
    }

    impl Hanging {
        fn new() -> Self {
            let (let_go, asked) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
            let (gate, count) = (let_go.clone(), asked.clone());
            let names = Names::new(Arc::new(move |host: String| {
                let (gate, count) = (gate.clone(), count.clone());
                Box::pin(async move {
                    count.fetch_add(1, Ordering::Relaxed);
                    if host.contains("hangs") {
                        let _gone = gate.acquire().await;
                        return Err(io::Error::other("nobody answers"));
                    }
                    Ok(vec![Ipv4Addr::LOCALHOST.into()])
                })
            }));
            Self { names, let_go, asked }
        }

        async fn find(&self, account: &str, host: &str) -> Result<Vec<IpAddr>, String> {
            self.names.find(&account.into(), host).await.map_err(|error| error.to_string())
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_hang_hold_up_their_own_account_and_no_other() {
        let hanging = Hanging::new();
        for account in ["hostile", "worse", "worst"] {
            // More names than there are threads, each asked for by somebody who gives up.
            let names: Vec<String> = (0..2 * LOOKUPS).map(|n| format!("{n}.hangs")).collect();
            let all = join_all(names.iter().map(|name| hanging.find(account, name)));
            assert!(timeout(PATIENCE / 2, all).await.is_err());
        }
        assert!(hanging.asked() < LOOKUPS, "{} of {LOOKUPS}", hanging.asked());
        let own = hanging.find("hostile", "localhost").await;
        assert_eq!(own.unwrap_err(), "too many names are being looked up");
        let found = hanging.find("other", "localhost").await;
        assert_eq!(found.unwrap(), [Ipv4Addr::LOCALHOST]);
        hanging.let_go.close();
        let found = hanging.find("hostile", "localhost").await;
        assert_eq!(found.unwrap(), [Ipv4Addr::LOCALHOST]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_name_is_looked_up_once_at_a_time_for_all_of_an_account() {
        let hanging = Hanging::new();
        for _ in 0..3 {
            let many = join_all((0..100).map(|_| hanging.find("a", "name.hangs")));
            assert!(timeout(PATIENCE * 2, many).await.is_err(), "they give up");
        }
        assert_eq!(hanging.asked(), 1);
        assert!(timeout(PATIENCE, hanging.find("b", "name.hangs")).await.is_err());
        assert_eq!(hanging.asked(), 2, "accounts share nothing");
        let waits = hanging.find("a", "name.hangs");
        hanging.let_go.close();
        assert_eq!(waits.await.unwrap_err(), "nobody answers");
        hanging.find("a", "name.hangs").await.unwrap_err();
        assert_eq!(hanging.asked(), 3, "the next time it is asked again");
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_wait_for_their_turn() {
        let hanging = Hanging::new();
        let names: Vec<String> = (0..=MOST).map(|n| format!("{n}.hangs")).collect();
        let all = join_all(names.iter().map(|name| hanging.find("a", name)));
        assert!(timeout(PATIENCE / 2, all).await.is_err(), "they hang");
        let refused = hanging.find("a", "late.hangs").now_or_never();
        let told = "too many names are being looked up".to_owned();
        assert_eq!(refused, Some(Err(told)), "it is refused at once");
        assert!(hanging.find("b", "localhost").await.is_ok(), "others are not");
    }

    #[test]
    fn what_went_wrong_is_told_to_everybody_alike() {
        let system = again(&io::Error::from_raw_os_error(24));
        assert_eq!(system.raw_os_error(), Some(24));
        let busy = again(&too_many());
        assert_eq!((busy.kind(), busy.to_string()), (too_many().kind(), too_many().to_string()));
    }
}
