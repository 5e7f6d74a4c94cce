//! Too many connections: nobody is left hanging, and no address has all the places.

use super::{Client, dial, dial_from, get, hear, hear_all, say, start, until};

const SMALL: [&str; 4] = ["--connections-most", "6", "--connections-most-per-address", "3"];

/// A request whose body is under way for a while.
const BUSY: &str = "POST /v1/validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                    Content-Length: 9\r\n\r\n";

async fn refused(client: &Client, cap: &str) -> f64 {
    client.metric(&format!("statewright_connections_refused_total{{cap=\"{cap}\"}}")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_its_places_and_others_have_theirs() {
    let (_database, server, client) = start(&SMALL).await;
    let address = server.address();
    let mut busy = Vec::new();
    for _ in 0..3 {
        let mut stream = dial_from(2, address).await;
        say(&mut stream, BUSY).await;
        busy.push(stream);
    }
    // Whether the three are under way already, only their being refused room shows.
    until("a fourth is refused", async || {
        let mut fourth = dial_from(2, address).await;
        say(&mut fourth, get("/healthz")).await;
        let heard = hear_all(&mut fourth).await;
        heard.starts_with("HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n")
            && heard.contains("\r\nretry-after: 1\r\n")
            && heard.ends_with("there are too many connections; try again in a second\n")
    })
    .await;
    let mut other = dial_from(3, address).await;
    say(&mut other, get("/healthz")).await;
    hear(&mut other, "HTTP/1.1 200").await;
    assert!(refused(&client, "address").await > 0.0);
    // Those who were there are served.
    for stream in &mut busy {
        say(stream, "{\"a\": 1} ").await;
        assert!(hear(stream, "\r\n\r\n").await.starts_with("HTTP/1.1 "));
    }
    drop(busy);
    until("their places are free", async || {
        let mut again = dial_from(2, address).await;
        say(&mut again, get("/healthz")).await;
        hear(&mut again, "\r\n\r\n").await.starts_with("HTTP/1.1 200")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_idle_makes_room_for_who_is_not() {
    let (_database, server, client) = start(&SMALL).await;
    let address = server.address();
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = dial_from(2, address).await;
        say(&mut stream, get("/healthz")).await;
        hear(&mut stream, "\"ok\"}").await;
        idle.push(stream);
    }
    until("an idle one makes room", async || {
        let mut stream = dial_from(2, address).await;
        say(&mut stream, get("/healthz")).await;
        let heard = hear(&mut stream, "\r\n\r\n").await;
        heard.starts_with("HTTP/1.1 200")
    })
    .await;
    // The first of them has been idle for longest.
    assert_eq!(hear_all(&mut idle[0]).await, "");
    let crowded = client.metric("statewright_connections_ended_total{reason=\"crowded\"}").await;
    assert!(crowded.is_some_and(|count| count > 0.0), "{crowded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_and_goes_again_and_again_leaves_no_trace() {
    let (_database, server, client) = start(&SMALL).await;
    for _ in 0..50 {
        drop(dial(server.address()).await);
    }
    until("all have gone", async || {
        // The client's own connection is one, or one that is opened just then.
        client.metric("statewright_connections").await.is_some_and(|count| count <= 2.0)
    })
    .await;
}
