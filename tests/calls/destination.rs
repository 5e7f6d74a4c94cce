//! Where calls do not go, and how somebody who wants them to is told.

use tests::database::connect;
use tests::network::Networked;

use super::caller::{Caller, by_arn, of_resource};
use super::peer::{Peer, ok};

const METADATA: &str = "169.254.169.254 is where a cloud's metadata and credentials are";

/// What a refused call says, of this place and for this reason.
fn refused(place: &str, reason: &str) -> String {
    format!(
        "Statewright.DestinationRefused: `{place}` is not called: {reason}, which is called only \
         if `outgoing.allow` in the configuration of this server has it"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_refused_however_it_is_called() {
    let caller = Caller::new().await;
    let url = "http://2852039166/latest/meta-data?token=hunter2-f00d";
    caller.register("f", url, |_| {}).await;
    caller
        .register("l", "http://0xa9fea9fe", |function| {
            function.protocol = store::Protocol::Lambda;
        })
        .await;
    let place = "http://169.254.169.254/latest/meta-data";
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, refused(place, METADATA));
    assert_eq!(caller.perform(&of_resource(url, "{}")).await, refused(place, METADATA));
    let place = "http://169.254.169.254/2015-03-31/functions/l/invocations";
    assert_eq!(caller.perform(&by_arn("l", "{}")).await, refused(place, METADATA));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lambda_endpoint_is_judged_as_well() {
    let endpoint = Some("http://[::ffff:169.254.169.254]".to_owned());
    let caller = Caller::with(|options| options.lambda_endpoint = endpoint).await;
    let place = "http://[::ffff:a9fe:a9fe]/2015-03-31/functions/f/invocations";
    assert_eq!(caller.perform(&by_arn("f", "{}")).await, refused(place, METADATA));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_port_is_refused_unless_it_is_allowed() {
    let own = Peer::always(|| ok("1")).await;
    let port: u16 = own.url.rsplit(':').next().unwrap().parse().unwrap();
    let by_name = format!("http://localhost:{port}/v1/functions");
    let caller = Caller::with(|options| options.own_ports = vec![port]).await;
    for url in [format!("{}/x", own.url), by_name.clone()] {
        let outcome = caller.perform(&of_resource(&url, "{}")).await;
        assert!(outcome.starts_with("Statewright.DestinationRefused: "), "{outcome}");
        assert!(outcome.contains("is a port of this server itself"), "{outcome}");
    }
    assert!(own.received().is_empty());
    let caller = Caller::with(|options| {
        options.own_ports = vec![port];
        options.allow = vec!["localhost".parse().unwrap()];
    })
    .await;
    assert_eq!(caller.perform(&of_resource(&by_name, "{}")).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_refused_unless_it_is_allowed() {
    let caller = Caller::new().await;
    let networked = Networked::of(caller.database_url()).await;
    let store = connect(&networked.url, 1).await;
    let port = networked.address.port();
    let database = store.addresses().await.unwrap();
    assert_eq!(database, [("127.0.0.1".to_owned(), port)]);
    let strict = caller.again(store.clone(), |options| options.database = database.clone());
    for host in ["127.0.0.1", "localhost", "127.9.9.9", "[::ffff:7f00:1]"] {
        let url = format!("http://{host}:{port}/");
        let outcome = strict.perform(&of_resource(&url, "{}")).await;
        assert!(outcome.starts_with("Statewright.DestinationRefused: "), "{outcome}");
        assert!(outcome.contains(&format!(":{port} is this server's database")), "{outcome}");
    }
    let allow = vec![format!("127.0.0.1:{port}").parse().unwrap()];
    let allowing = caller.again(store, |options| {
        (options.database, options.allow) = (database.clone(), allow);
    });
    let url = format!("http://127.0.0.1:{port}/");
    let outcome = allowing.perform(&of_resource(&url, "{}")).await;
    assert!(outcome.starts_with("States.Http.Socket: "), "it is called: {outcome}");
}
