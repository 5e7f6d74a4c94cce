//! What is refused, in whatever words it is asked for.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::perform::lack::Lack;

/// Knows these names: each with its answers, one after the other, the last for ever.
fn knowing(names: &[(&str, &[&str])]) -> Arc<Names> {
    let mut known = std::collections::HashMap::new();
    for (name, answers) in names {
        let answers: Vec<Vec<IpAddr>> = answers
            .iter()
            .map(|answer| answer.split(' ').map(|address| address.parse().unwrap()).collect())
            .collect();
        known.insert((*name).to_owned(), answers);
    }
    let known = Mutex::new(known);
    Names::new(Arc::new(move |name: String| {
        let found = match known.lock().unwrap().get_mut(&name) {
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
            None => Err(io::Error::other("failed to lookup address information")),
        };
        Box::pin(std::future::ready(found))
    }))
}

fn strict(own_ports: &[u16], database: Option<(&str, u16)>, names: Arc<Names>) -> Destinations {
    let database = database.map(|(host, port)| (host.to_owned(), port)).into_iter().collect();
    Destinations::new(Vec::new(), own_ports.to_vec(), database, names)
}

fn account() -> Arc<str> {
    "123456789012".into()
}

/// Judges the URL as a call does: its address, or those of its name.
async fn judged(destinations: &Destinations, url: &str) -> String {
    let url: Url = url.parse().unwrap();
    let port = url.port_or_known_default().unwrap();
    let judged = match url.domain() {
        None => destinations.judge_literal(&url).await,
        Some(name) => destinations.find(&account(), name, port).await.map(|_| ()),
    };
    judged.map_or_else(|objection| objection.to_string(), |()| "called".to_owned())
}

#[tokio::test]
async fn no_notation_hides_an_address() {
    let destinations = strict(&[], None, knowing(&[]));
    let metadata = "169.254.169.254 is where a cloud's metadata and credentials are";
    for host in [
        "169.254.169.254",
        "169.254.169.254.",
        "2852039166",
        "0xa9fea9fe",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "0251.254.0xa9fe",
        "169.254.43518",
        "169.16689662",
        "%31%36%39.254.169.254",
        "１６９.２５４.１６９.２５４",
        "169。254。169。254",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[0:0:0:0:0:ffff:a9fe:a9fe]",
        "[::a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "user:secret@169.254.169.254",
    ] {
        assert_eq!(
            judged(&destinations, &format!("http://{host}/latest")).await,
            metadata,
            "{host}"
        );
    }
    for (host, objection) in [
        ("0", "0.0.0.0 is no address of any machine"),
        ("[::]", ":: is no address of any machine"),
        ("169.254.1.1", "169.254.1.1 is a link-local address"),
        ("[fe80::1]", "fe80::1 is a link-local address"),
        ("[ff02::1]", "ff02::1 is a multicast address"),
        ("224.0.0.1", "224.0.0.1 is a multicast address"),
        ("4294967295", "255.255.255.255 is a broadcast address"),
        ("[fd00:ec2::254]", "fd00:ec2::254 is where a cloud's metadata and credentials are"),
        ("127.1", "called"),
        ("10.1.2.3", "called"),
        ("[::1]", "called"),
    ] {
        assert_eq!(judged(&destinations, &format!("https://{host}/")).await, objection, "{host}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_leads_to() {
    let lookup = knowing(&[
        ("metadata.google.internal", &["169.254.169.254"]),
        ("mapped.example", &["::ffff:169.254.169.254"]),
        ("both.example", &["169.254.169.254 203.0.113.7 fe80::1 2001:db8::7"]),
        ("nobody.example", &["203.0.113.7"]),
    ]);
    let destinations = strict(&[], None, lookup);
    let metadata = "169.254.169.254 is where a cloud's metadata and credentials are";
    assert_eq!(judged(&destinations, "http://metadata.google.internal/").await, metadata);
    assert_eq!(judged(&destinations, "http://mapped.example/").await, metadata);
    assert_eq!(judged(&destinations, "http://nobody.example/").await, "called");
    let good: Vec<String> = destinations
        .find(&account(), "both.example", 80)
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(good, ["203.0.113.7:80", "[2001:db8::7]:80"], "what is harmless is called");
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_next_time_is_judged_again() {
    let lookup = knowing(&[("rebound.example", &["203.0.113.7", "127.0.0.1", "169.254.169.254"])]);
    let destinations = strict(&[8083], None, lookup);
    assert_eq!(judged(&destinations, "http://rebound.example:8083/").await, "called");
    let own = "127.0.0.1:8083 is a port of this server itself";
    assert_eq!(judged(&destinations, "http://rebound.example:8083/").await, own);
    let metadata = "169.254.169.254 is where a cloud's metadata and credentials are";
    assert_eq!(judged(&destinations, "http://rebound.example:8083/").await, metadata);
}

/// An address of this machine's that is not loopback, if it has one.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent; the address is kept free for documents.
    socket.connect("203.0.113.7:9").ok()?;
    let address = socket.local_addr().unwrap().ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[tokio::test]
async fn the_servers_own_port_is_refused_at_every_address_of_its_machine() {
    let lookup = knowing(&[("localhost", &["::1 127.0.0.1"]), ("other.example", &["203.0.113.7"])]);
    let destinations = strict(&[8083], None, lookup);
    for (host, address) in [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.9.9.9", "127.9.9.9"),
        ("[::1]", "[::1]"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
        ("localhost", "[::1]"),
    ] {
        let expected = format!("{address}:8083 is a port of this server itself");
        assert_eq!(judged(&destinations, &format!("http://{host}:8083/")).await, expected);
        assert_eq!(judged(&destinations, &format!("http://{host}:8084/")).await, "called");
    }
    assert_eq!(judged(&destinations, "http://other.example:8083/").await, "called");
    if let Some(address) = outward() {
        let expected = format!("{address}:8083 is a port of this server itself");
        assert_eq!(judged(&destinations, &format!("http://{address}:8083/")).await, expected);
    }
}

#[tokio::test]
async fn the_port_of_the_scheme_counts_as_well() {
    let destinations = strict(&[80, 443], None, knowing(&[]));
    let expected = "127.0.0.1:80 is a port of this server itself";
    assert_eq!(judged(&destinations, "http://127.0.0.1/").await, expected);
    let expected = "127.0.0.1:443 is a port of this server itself";
    assert_eq!(judged(&destinations, "https://127.0.0.1/").await, expected);
}

#[tokio::test]
async fn the_database_is_refused_wherever_it_is() {
    let names = [
        ("db.example", &["203.0.113.7 2001:db8::7"][..]),
        ("alias.example", &["203.0.113.7"][..]),
        ("here.example", &["127.0.0.1"][..]),
    ];
    let remote = strict(&[], Some(("db.example", 5432)), knowing(&names));
    for host in ["db.example", "alias.example", "203.0.113.7", "[2001:db8::7]", "3405803783"] {
        let judged = judged(&remote, &format!("http://{host}:5432/")).await;
        assert!(judged.ends_with(":5432 is this server's database"), "{host}: {judged}");
    }
    assert_eq!(judged(&remote, "http://203.0.113.7:5433/").await, "called");
    assert_eq!(judged(&remote, "http://203.0.113.8:5432/").await, "called");
    assert_eq!(judged(&remote, "http://127.0.0.1:5432/").await, "called");
    // On this machine it is at all of its addresses.
    let own = outward().map(|address| address.to_string());
    for database in [Some("here.example"), Some("127.0.0.1"), Some("[::1]"), own.as_deref()] {
        let Some(database) = database else { continue };
        let local = strict(&[], Some((database, 5432)), knowing(&names));
        for host in [Some("127.0.0.1"), Some("[::1]"), Some("127.2.2.2"), own.as_deref()] {
            let Some(host) = host else { continue };
            let judged = judged(&local, &format!("http://{host}:5432/")).await;
            assert!(judged.ends_with(":5432 is this server's database"), "{host}: {judged}");
        }
    }
}

#[tokio::test]
async fn a_call_waits_while_it_is_not_known_where_the_database_is() {
    let destinations = strict(&[], Some(("away.example", 5432)), knowing(&[]));
    let url: Url = "http://203.0.113.7:5432/".parse().unwrap();
    let objection = destinations.judge_literal(&url).await.unwrap_err();
    assert!(matches!(objection, Objection::Lack(Lack::Names)), "{objection}");
    assert_eq!(judged(&destinations, "http://203.0.113.7:5433/").await, "called");
}

#[tokio::test]
async fn what_the_configuration_allows_is_called() {
    let allow = ["169.254.10.0/24", "127.0.0.1:5432", "metadata.internal", "localhost:8083"];
    let allow = allow.map(|entry| entry.parse().unwrap()).to_vec();
    let lookup =
        knowing(&[("metadata.internal", &["169.254.169.254"]), ("localhost", &["127.0.0.1"])]);
    let database = vec![("127.0.0.1".to_owned(), 5432)];
    let destinations = Destinations::new(allow, vec![8083], database, lookup);
    for (url, expected) in [
        ("http://169.254.10.7/", "called"),
        ("http://[::ffff:169.254.10.7]/", "called"),
        ("http://169.254.11.7/", "169.254.11.7 is a link-local address"),
        ("http://127.0.0.1:5432/", "called"),
        ("http://127.0.0.2:5432/", "127.0.0.2:5432 is this server's database"),
        ("http://METADATA.internal/", "called"),
        (
            "http://169.254.169.254/",
            "169.254.169.254 is where a cloud's metadata and credentials are",
        ),
        ("http://localhost:8083/", "called"),
        ("http://127.0.0.1:8083/", "127.0.0.1:8083 is a port of this server itself"),
    ] {
        assert_eq!(judged(&destinations, url).await, expected, "{url}");
    }
}

#[tokio::test]
async fn before_a_call_only_what_needs_no_resolver_is_known() {
    let destinations = strict(&[8083], None, knowing(&[("n.example", &["169.254.169.254"])]));
    for (url, is_refused) in [
        ("http://169.254.169.254/", true),
        ("http://127.0.0.1:8083/", true),
        ("http://LOCALHOST:8083/", true),
        ("http://api.localhost.:8083/", true),
        ("http://localhost:8084/", false),
        ("http://n.example/", false),
    ] {
        let judged = destinations.judge_known(&url.parse().unwrap()).await;
        assert_eq!(judged.is_err(), is_refused, "{url}");
    }
}

#[tokio::test]
async fn the_systems_own_names_are_looked_up() {
    let names = Names::of_system();
    let account = account();
    let found = tokio::time::timeout(Duration::from_secs(30), names.find(&account, "localhost"));
    let found = found.await.unwrap().unwrap();
    assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
    assert!(found.contains(&Ipv4Addr::LOCALHOST.into()) || found.iter().all(IpAddr::is_ipv6));
}
