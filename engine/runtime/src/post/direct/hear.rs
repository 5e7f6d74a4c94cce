//! The listening end of a line: hands what is asked to the owners of this node, and answers as they do.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::Request;
use super::frame::{self, Head, Kind, PING, STALE};
use crate::post::mail::{Answer, Key, Mail, StartMail, StartReply, StimulusMail, StimulusReply};
use crate::post::news::{Following, News, Saying, Tell};
use crate::post::read::{Read, Unread, read};
use crate::post::taken::Known;
use crate::post::{Mailboxes, NotPosted};
use crate::shared::Shared;

/// Requests under way on one line.
const MOST_OF_LINE: usize = 4_096;
/// Requests under way on all lines.
const MOST: usize = 16_384;
/// Bytes of requests under way on all lines.
const ROOM_BYTES: usize = 64 * 1024 * 1024;
/// Most executions that are followed over one line.
const MOST_FOLLOWED: usize = 20_000;
/// For how long an owner's answer is waited for when nobody says that he waits no more.
const PATIENCE: Duration = Duration::from_mins(1);

/// What all lines to this node share.
#[derive(Clone)]
pub(super) struct Hearing {
    shared: Arc<Shared>,
    owners: Mailboxes,
    requests: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

/// One line that is heard.
struct Line {
    hearing: Hearing,
    say: mpsc::Sender<Vec<u8>>,
    requests: Arc<Semaphore>,
    /// Requests under way: by which it is heard that nobody waits any more.
    under_way: Mutex<HashMap<u64, CancellationToken>>,
    /// What its other end follows.
    followed: Mutex<HashMap<u64, Following>>,
    /// What is to be told of that.
    news: Arc<Unsaid>,
}

/// What has not been said yet of what is followed; once of each, however much happens.
#[derive(Default)]
struct Unsaid {
    sayings: Mutex<HashMap<u64, Saying>>,
    some: Notify,
}

/// What a request holds as long as it is under way.
struct Place {
    _of_line: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

impl Hearing {
    pub(super) fn new(shared: Arc<Shared>, owners: Mailboxes) -> Self {
        let (requests, room) = (Semaphore::new(MOST), Semaphore::new(ROOM_BYTES));
        Self { shared, owners, requests: Arc::new(requests), room: Arc::new(room) }
    }
}

/// Hears a line until its other end is gone, silent or wrong.
pub(super) async fn hear(hearing: Hearing, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let (from, mut to) = tokio::io::split(stream);
    let (say, said) = mpsc::channel(MOST_OF_LINE);
    let requests = Arc::new(Semaphore::new(MOST_OF_LINE));
    let line = Arc::new(Line {
        hearing,
        say,
        requests,
        under_way: Mutex::default(),
        followed: Mutex::default(),
        news: Arc::default(),
    });
    let ended = tokio::select! {
        ended = line.tell() => ended,
        ended = line.read(BufReader::new(from)) => ended,
        ended = frame::write(&mut to, said) => ended,
    };
    line.followed().clear();
    if let Err(error) = ended {
        tracing::debug!(%error, "a line from another node has ended");
    }
}

impl Line {
    async fn read(self: &Arc<Self>, mut from: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut last = Instant::now();
        loop {
            let head = timeout(STALE, frame::read_head(&mut from)).await??;
            // This node stood still. The other end has given up what it had asked, and asked otherwise.
            if last.elapsed() > STALE {
                return Err(io::ErrorKind::TimedOut.into());
            }
            last = Instant::now();
            match head.kind {
                Kind::Request => {
                    self.request(&mut from, head, &mut last).await?;
                    continue;
                }
                Kind::Follow => {
                    if head.length > frame::REQUEST_BYTES {
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                    let body = frame::read_body(&mut from, head.length, true, || {}).await?;
                    let Some(request) = frame::request_of(body) else {
                        return Err(io::ErrorKind::InvalidData.into());
                    };
                    let answer = self.follow(head.number, request.key);
                    self.answer(head.number, answer).await;
                    continue;
                }
                Kind::Cancel => {
                    self.followed().remove(&head.number);
                    if let Some(waiting) = self.under_way().remove(&head.number) {
                        waiting.cancel();
                    }
                }
                Kind::Ping => self.pong(),
                Kind::Answer | Kind::Pong | Kind::Grown | Kind::Over => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
            frame::read_body(&mut from, head.length, false, || {}).await?;
        }
    }

    /// Reads a request and has it done, beside whatever comes next.
    async fn request(
        self: &Arc<Self>,
        from: &mut (impl AsyncRead + Unpin),
        head: Head,
        last: &mut Instant,
    ) -> io::Result<()> {
        let place = self.place(head.length);
        let mut shown = Instant::now();
        let body = frame::read_body(from, head.length, place.is_some(), || {
            *last = Instant::now();
            // A long one must not make this end seem silent.
            if shown.elapsed() > PING {
                shown = Instant::now();
                self.pong();
            }
        });
        let body = body.await?;
        let Some(place) = place else {
            self.answer(head.number, Answer::Full).await;
            return Ok(());
        };
        let Some(request) = frame::request_of(body) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let waiting = CancellationToken::new();
        self.under_way().insert(head.number, waiting.clone());
        let line = self.clone();
        tokio::spawn(async move {
            let _place = place;
            let answer = tokio::select! {
                answer = line.hearing.take(&request) => answer,
                () = waiting.cancelled() => {
                    line.hearing.shared.taken.give_back(request.message);
                    None
                }
            };
            line.under_way().remove(&head.number);
            if let Some(answer) = answer {
                line.answer(head.number, answer).await;
            }
            if line.say.is_closed() {
                // Who asked asks again through the inbox, and can be answered there now.
                line.hearing.shared.inbox.notify_one();
            }
        });
        Ok(())
    }

    /// Tells of this execution from now on, if it is this node's.
    fn follow(&self, number: u64, key: Key) -> Answer {
        let shared = &self.hearing.shared;
        if !shared.owns(key.shard) {
            return Answer::Elsewhere;
        }
        let mut followed = self.followed();
        if followed.len() >= MOST_FOLLOWED {
            return Answer::Full;
        }
        let news = self.news.clone();
        let tell: Tell = Arc::new(move |saying| news.note(number, saying));
        followed.insert(number, News::follow(shared, key, true, tell));
        Answer::Followed
    }

    /// Says what there is to be told of what is followed.
    async fn tell(&self) -> io::Result<()> {
        loop {
            self.news.some.notified().await;
            for (number, saying) in self.news.take() {
                let kind = match saying {
                    Saying::Grown => Kind::Grown,
                    Saying::Over => {
                        self.followed().remove(&number);
                        Kind::Over
                    }
                };
                if self.say.send(frame::frame(kind, number, &[])).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    fn followed(&self) -> MutexGuard<'_, HashMap<u64, Following>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for a request of this length, if there is some.
    fn place(&self, bytes: usize) -> Option<Place> {
        let hearing = &self.hearing;
        let room = hearing.room.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()?;
        let of_line = self.requests.clone().try_acquire_owned().ok()?;
        let of_all = hearing.requests.clone().try_acquire_owned().ok()?;
        Some(Place { _of_line: of_line, _of_all: of_all, _room: room })
    }

    async fn answer(&self, number: u64, answer: Answer) {
        let answer = serde_json::to_vec(&answer).unwrap_or_default();
        let _ = self.say.send(frame::frame(Kind::Answer, number, &answer)).await;
    }

    fn pong(&self) {
        // One that finds no place is not missed: there is enough to be said.
        let _ = self.say.try_send(frame::frame(Kind::Pong, 0, &[]));
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<u64, CancellationToken>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unsaid {
    fn note(&self, number: u64, saying: Saying) {
        let mut sayings = self.sayings.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sayings.entry(number).or_insert(saying);
        // What is over stays so.
        if saying == Saying::Over {
            *known = saying;
        }
        drop(sayings);
        self.some.notify_one();
    }

    fn take(&self) -> HashMap<u64, Saying> {
        std::mem::take(&mut *self.sayings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Hearing {
    /// Has a request done, once; nothing is answered to one that has been taken before.
    async fn take(&self, request: &Request) -> Option<Answer> {
        let Self { shared, .. } = self;
        if !shared.owns(request.key.shard) {
            return Some(Answer::Elsewhere);
        }
        if shared.taken.take(request.message, Instant::now()) != Known::New {
            return Some(Answer::Unknown);
        }
        let done = timeout(PATIENCE, self.done(request)).await;
        let answer = done.unwrap_or(Answer::Unknown);
        match answer.to_keep() {
            Some(kept) => shared.taken.answered(request.message, kept),
            None => shared.taken.give_back(request.message),
        }
        Some(answer)
    }

    async fn done(&self, request: &Request) -> Answer {
        match read(&self.shared, request.key, &request.stimulus).await {
            Ok(Read::Start(mail)) => self.start(*mail).await,
            Ok(Read::Stimulus(mail)) => self.stimulate(*mail).await,
            Err(Unread::Full) => Answer::Full,
            Err(Unread::Passing | Unread::Unreadable) => {
                Answer::Stimulus(StimulusReply::Unavailable)
            }
        }
    }

    async fn start(&self, mail: StartMail) -> Answer {
        let (reply, outcome) = oneshot::channel();
        let shard = mail.key.shard;
        let at = Timestamp(mail.row.started_at.timestamp_millis());
        let mail = Mail::Start(Box::new(StartMail { reply: Some(reply), ..mail }));
        if let Err(why) = self.owners.post(shard, mail) {
            return not_posted(why);
        }
        match outcome.await {
            Ok(StartReply::Elsewhere) => Answer::Elsewhere,
            Ok(reply) => Answer::Start(reply, at),
            Err(_) => Answer::Unknown,
        }
    }

    async fn stimulate(&self, mail: StimulusMail) -> Answer {
        let (reply, outcome) = oneshot::channel();
        let shard = mail.key.shard;
        let mail = Mail::Stimulus(Box::new(StimulusMail { reply: Some(reply), ..mail }));
        if let Err(why) = self.owners.post(shard, mail) {
            return not_posted(why);
        }
        match outcome.await {
            Ok(StimulusReply::Elsewhere) => Answer::Elsewhere,
            Ok(reply) => Answer::Stimulus(reply),
            Err(_) => Answer::Unknown,
        }
    }
}

fn not_posted(why: NotPosted) -> Answer {
    match why {
        NotPosted::Full => Answer::Full,
        NotPosted::Gone => Answer::Elsewhere,
    }
}
