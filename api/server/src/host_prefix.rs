//! The `sync-` that AWS's SDKs put before the host for `StartSyncExecution` and `TestState`: is there a
//! name of this machine for which that resolves, too?

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

/// Names that may stand for this machine: where nobody has written `sync-localhost` down, many
/// resolvers know every name below `localhost`.
const NAMES: [&str; 2] = ["localhost", "statewright.localhost"];

/// How long the resolver may take for a name.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first name that leads to this address with the prefix and without it.
pub(crate) async fn name_for(address: SocketAddr) -> Option<&'static str> {
    name_by(address.ip(), async |host| {
        // No answer in time is as good as none: nobody is told of this name.
        let found = timeout(PATIENCE, lookup_host((host, address.port()))).await;
        found.map_or(Vec::new(), |found| found.into_iter().flatten().map(|it| it.ip()).collect())
    })
    .await
}

/// The same by a resolver that gives the addresses of a name.
async fn name_by(
    listening: IpAddr,
    resolve: impl AsyncFn(&str) -> Vec<IpAddr>,
) -> Option<&'static str> {
    for name in NAMES {
        let prefixed = format!("sync-{name}");
        if reaches(&resolve(&prefixed).await, listening) && reaches(&resolve(name).await, listening)
        {
            return Some(name);
        }
    }
    None
}

/// Whether these addresses of a name lead to whoever listens here, and nowhere else: a resolver
/// that answers for every name, with a machine of its own, is of no use.
fn reaches(found: &[IpAddr], listening: IpAddr) -> bool {
    let here = |ip: &IpAddr| {
        *ip == listening || (listening.is_unspecified() && ip.is_ipv4() == listening.is_ipv4())
    };
    found.iter().all(IpAddr::is_loopback) && found.iter().any(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_only_if_it_leads_here_and_nowhere_else() {
        let reaches = |found: &[&str], listening: &str| {
            let found: Vec<IpAddr> = found.iter().map(|ip| ip.parse().unwrap()).collect();
            reaches(&found, listening.parse().unwrap())
        };
        assert!(reaches(&["127.0.0.1"], "127.0.0.1"));
        assert!(reaches(&["::1", "127.0.0.1"], "127.0.0.1"));
        assert!(reaches(&["127.0.0.1"], "0.0.0.0"));
        assert!(!reaches(&["::1"], "127.0.0.1"), "nobody listens there");
        assert!(!reaches(&["::1"], "0.0.0.0"), "nobody listens there");
        assert!(!reaches(&["127.0.0.1"], "10.0.0.7"), "nobody listens there");
        assert!(!reaches(&["127.0.0.1", "192.0.2.1"], "127.0.0.1"), "it may be another machine");
        assert!(!reaches(&[], "127.0.0.1"));
    }

    #[tokio::test]
    async fn what_is_told_resolves_with_the_prefix_and_without_it() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let told = async |known: &[&str]| {
            let resolve = async |host: &str| {
                if known.contains(&host) { vec![here] } else { Vec::new() }
            };
            name_by(here, resolve).await
        };
        let (below, both) = ("statewright.localhost", ["localhost", "sync-localhost"]);
        let prefixed = format!("sync-{below}");
        assert_eq!(told(&["localhost", below, &prefixed]).await, Some(below));
        assert_eq!(told(&both).await, Some("localhost"));
        assert_eq!(told(&["localhost", below]).await, None);
        assert_eq!(told(&["sync-localhost", &prefixed]).await, None);
    }

    #[tokio::test]
    async fn the_resolver_of_this_machine_is_asked() {
        let address: SocketAddr = ([127, 0, 0, 1], 8083).into();
        let mut asked = Vec::new();
        for name in NAMES {
            for host in [format!("sync-{name}"), name.to_owned()] {
                let found = lookup_host((host.as_str(), 8083)).await.ok();
                asked.push(found.is_some_and(|mut found| found.any(|it| it == address)));
            }
        }
        let expected = NAMES.into_iter().zip(asked.chunks(2)).find(|(_, led)| led[0] && led[1]);
        assert_eq!(name_for(address).await, expected.map(|(name, _)| name));
    }
}
