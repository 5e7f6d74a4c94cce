//! What comes over a line, or to the port, from whoever is no node, or a node that has stood still.

use std::time::Duration;

use store::Cluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::credentials::PROTOCOL;
use super::frame::{self, Kind};
use super::hear::{Hearing, hear};
use super::*;
use crate::post::Mailboxes;
use crate::post::mail::{Mail, Message, StimulusReply};
use crate::shared::Shared;
use crate::{EngineOptions, stage};

const SECRET: [u8; 32] = [7; 32];
const KEY: Key = Key { shard: 3, id: Uuid::from_u128(1) };

/// A node that owns all shards and hears a line, of which this is the other end, and what its owner gets.
struct Heard {
    cluster: Cluster,
    shared: Arc<Shared>,
    hearing: Hearing,
    mail: mpsc::Receiver<Mail>,
}

async fn node() -> Heard {
    let (cluster, shared, _) = stage::shared(EngineOptions::default()).await;
    for shard in 0..256 {
        let tenure = shared.standing.tenures.grant(shard);
        assert!(shared.standing.tenures.begin(shard, tenure));
    }
    let (owner, mail) = mpsc::channel(8);
    let hearing = Hearing::new(shared.clone(), Mailboxes::new(vec![owner]));
    Heard { cluster, shared, hearing, mail }
}

impl Heard {
    fn line(&self) -> DuplexStream {
        let (end, heard) = tokio::io::duplex(1 << 20);
        tokio::spawn(hear(self.hearing.clone(), heard));
        end
    }

    /// The owner applies what it gets next.
    async fn apply(&mut self) {
        let Some(Mail::Stimulus(mail)) = self.mail.recv().await else { panic!("a stimulus") };
        assert!(mail.message.is_none(), "nobody answers it in the inbox");
        let applied = StimulusReply::Applied { at: machine::Timestamp(1) };
        mail.reply.unwrap().send(applied).unwrap();
    }
}

fn stop(message: u128) -> Request {
    let stimulus = serde_json::to_vec(&Message::Stop { error: None, cause: None }).unwrap();
    Request { message: Uuid::from_u128(message), key: KEY, stimulus: stimulus.into() }
}

async fn answer(end: &mut DuplexStream) -> (u64, Answer) {
    loop {
        let head = frame::read_head(end).await.unwrap();
        let body = frame::read_body(end, head.length, true, || {}).await.unwrap();
        if head.kind == Kind::Answer {
            return (head.number, serde_json::from_slice(&body).unwrap());
        }
    }
}

/// Whether the other end says no more.
async fn is_ended(mut end: DuplexStream) -> bool {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), end.read_to_end(&mut rest));
    read.await.is_ok_and(|read| read.is_ok())
}

#[tokio::test]
async fn a_message_that_comes_again_happens_once_and_one_that_is_in_doubt_is_answered_by_the_inbox()
{
    let mut node = node().await;
    let mut end = node.line();
    end.write_all(&frame::request(Kind::Request, 1, &stop(5)).unwrap()).await.unwrap();
    node.apply().await;
    let applied = StimulusReply::Applied { at: machine::Timestamp(1) };
    assert_eq!(answer(&mut end).await, (1, Answer::Stimulus(applied)));
    end.write_all(&frame::request(Kind::Request, 2, &stop(5)).unwrap()).await.unwrap();
    assert_eq!(answer(&mut end).await, (2, Answer::Unknown));
    assert!(node.mail.try_recv().is_err(), "it happens once");

    // The same by the inbox is answered as it was.
    node.shared.store.beat(Uuid::new_v4(), Duration::from_hours(1), "").await.unwrap();
    let request = stop(5);
    let message = store::Message {
        id: request.message,
        shard: KEY.shard,
        execution_id: KEY.id,
        stimulus: request.stimulus,
    };
    assert!(node.shared.store.post(&message, &[]).await.unwrap());
    let owners = Mailboxes::new(vec![mpsc::channel(1).0]);
    let (shared, swept) = (node.shared.clone(), machine::Timestamp::default());
    let inbox = crate::post::inbox::Inbox { shared, owners, swept };
    let until = CancellationToken::new();
    let reading = tokio::spawn(inbox.run(until.clone()));
    let answered = loop {
        if let Some(answer) = node.shared.store.answer(message.id).await.unwrap() {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answered, applied.encoded());
    until.cancel();
    reading.await.unwrap();
    node.cluster.stop().await;
}

#[tokio::test]
async fn a_start_or_stop_of_which_nobody_waits_any_more_is_let_go() {
    let mut node = node().await;
    let mut end = node.line();
    end.write_all(&frame::request(Kind::Request, 1, &stop(5)).unwrap()).await.unwrap();
    let Some(Mail::Stimulus(mail)) = node.mail.recv().await else { panic!("a stimulus") };
    end.write_all(&frame::frame(Kind::Cancel, 1, &[])).await.unwrap();
    mail.reply.unwrap().closed().await;
    node.cluster.stop().await;
}

#[tokio::test]
async fn what_is_wrong_ends_the_line_and_nothing_is_kept_of_it() {
    let mut node = node().await;
    let long = [u32::MAX.to_be_bytes().as_slice(), &[1], &[0; 8]].concat();
    let unknown = [9_u32.to_be_bytes().as_slice(), &[99], &[0; 8]].concat();
    let short = frame::frame(Kind::Request, 1, &[0; 10]);
    let answer = frame::frame(Kind::Answer, 1, b"{}");
    for wrong in [long, unknown, short, answer] {
        let mut end = node.line();
        end.write_all(&wrong).await.unwrap();
        assert!(is_ended(end).await, "{wrong:?}");
    }
    assert!(node.mail.try_recv().is_err());
    // One of which only a part comes is given up, too.
    let mut end = node.line();
    end.write_all(&frame::request(Kind::Request, 1, &stop(5)).unwrap()[..20]).await.unwrap();
    assert!(is_ended(end).await);
    node.cluster.stop().await;
}

#[tokio::test]
async fn whoever_asks_more_than_there_is_room_for_hears_that_it_is_full() {
    let mut node = node().await;
    let mut end = node.line();
    let (mut reader, mut writer) = tokio::io::split(&mut end);
    let long = vec![b' '; 30 * 1024 * 1024];
    let requests = (0..4).map(|number| {
        let request = Request { stimulus: long.clone().into(), ..stop(u128::from(number)) };
        frame::request(Kind::Request, number, &request).unwrap()
    });
    // Two have room; they are in nobody's hands until the last has come.
    let requests: Vec<_> = requests.collect();
    let writing = async {
        for request in requests {
            writer.write_all(&request).await.unwrap();
        }
    };
    let reading = async {
        let mut answers = Vec::new();
        while answers.len() < 4 {
            let head = frame::read_head(&mut reader).await.unwrap();
            let body = frame::read_body(&mut reader, head.length, true, || {}).await.unwrap();
            if head.kind == Kind::Answer {
                answers.push(serde_json::from_slice::<Answer>(&body).unwrap());
            }
        }
        answers
    };
    let ((), answers) = tokio::join!(writing, reading);
    let unreadable = Answer::Stimulus(StimulusReply::Unavailable);
    assert!(
        answers.iter().all(|answer| [Answer::Full, unreadable].contains(answer)),
        "{answers:?}"
    );
    // A mailbox that is full says the same.
    for number in 10..18 {
        let stimulus = frame::request(Kind::Request, number, &stop(u128::from(number))).unwrap();
        writer.write_all(&stimulus).await.unwrap();
    }
    while node.mail.len() < 8 {
        tokio::task::yield_now().await;
    }
    writer.write_all(&frame::request(Kind::Request, 18, &stop(18)).unwrap()).await.unwrap();
    assert_eq!(answer(&mut end).await, (18, Answer::Full));
    node.mail.close();
    node.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_no_further_than_a_handshake() {
    let Heard { cluster, shared, mut mail, .. } = node().await;
    let ours = Credentials::new(&SECRET, PROTOCOL);
    let listener = Listener::bind("127.0.0.1:0", &ours).await.unwrap();
    let address = listener.advertised(IpAddr::V4(Ipv4Addr::LOCALHOST), &Nodes::default());
    let (owner, mut got) = mpsc::channel(8);
    let stop_it = CancellationToken::new();
    let running = listener.run(shared, Mailboxes::new(vec![owner]), stop_it.clone());
    let running = tokio::spawn(running);

    // Garbage, half a greeting, and nothing at all, from many at once.
    let mut held = Vec::new();
    for number in 0..2_000_usize {
        let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
        let _ = stream.write_all(&vec![0x16; number % 50]).await;
        if held.len() < 200 {
            held.push(stream);
        }
    }
    // Another secret, another protocol, and none.
    let (others, later) = ([8; 32], b"statewright-node/2".as_slice());
    for (secret, protocol) in [(others, PROTOCOL), (SECRET, later)] {
        let credentials = Credentials::new(&secret, protocol);
        let lines = Lines::new(credentials);
        assert!(lines.to(&address.as_str().into()).await.is_none());
    }
    let mut silent = (*ours.client).clone();
    silent.alpn_protocols.clear();
    let stream = TcpStream::connect(&address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("x.invalid").unwrap();
    if let Ok(mut stream) = TlsConnector::from(Arc::new(silent)).connect(name, stream).await {
        let _ = stream.write_all(&frame::request(Kind::Request, 1, &stop(1)).unwrap()).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "nothing is said to it");
    }
    drop(held);

    // A node is heard all the same, once those are gone.
    let request = loop {
        let direct = Direct::new(String::new(), ours.clone());
        let (node, shards) = (Uuid::nil(), vec![KEY.shard]);
        direct.see(vec![Neighbour { node, address: address.clone(), shards }]);
        let asked = tokio::spawn(async move { direct.ask(stop(2)).await });
        match tokio::time::timeout(Duration::from_secs(3), got.recv()).await {
            Ok(Some(Mail::Stimulus(mail))) => {
                mail.reply.unwrap().send(StimulusReply::Stale).unwrap();
                break asked.await.unwrap();
            }
            _ => assert!(matches!(asked.await.unwrap(), Told::Nothing)),
        }
    };
    assert!(matches!(request, Told::Answer(Answer::Stimulus(StimulusReply::Stale))), "{request:?}");
    assert!(mail.try_recv().is_err() && got.try_recv().is_err());
    stop_it.cancel();
    running.await.unwrap();
    cluster.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_line_is_given_up_and_what_was_sent_is_in_doubt() {
    let (asking, mut other) = tokio::io::duplex(1 << 20);
    let (line, said) = line::Line::new();
    let up = line.clone();
    let running = tokio::spawn(async move { up.run(asking, said).await });
    let asked = line.clone();
    let asked = tokio::spawn(async move { asked.ask(&stop(1)).await });
    let heads = async {
        loop {
            let head = frame::read_head(&mut other).await.unwrap();
            frame::read_body(&mut other, head.length, false, || {}).await.unwrap();
            if head.kind == Kind::Request {
                return;
            }
        }
    };
    heads.await;
    assert!(matches!(asked.await.unwrap(), Told::InDoubt), "it was sent, and nobody answers");
    assert!(running.await.unwrap().is_err());
    assert!(matches!(line.ask(&stop(2)).await, Told::Nothing), "nothing more is sent");
}
