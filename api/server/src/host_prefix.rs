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
    for name in NAMES {
        let prefixed = format!("sync-{name}");
        if leads_to(&prefixed, address).await && leads_to(name, address).await {
            return Some(name);
        }
    }
    None
}

async fn leads_to(host: &str, address: SocketAddr) -> bool {
    // No answer in time is as good as none: nobody is told of this name.
    let Ok(Ok(found)) = timeout(PATIENCE, lookup_host((host, address.port()))).await else {
        return false;
    };
    let found: Vec<IpAddr> = found.map(|found| found.ip()).collect();
    reaches(&found, address.ip())
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
    async fn what_is_told_resolves() {
        let address: SocketAddr = ([127, 0, 0, 1], 8083).into();
        if let Some(name) = name_for(address).await {
            for host in [name.to_owned(), format!("sync-{name}")] {
                let found: Vec<_> = lookup_host((host.as_str(), 8083)).await.unwrap().collect();
                assert!(found.contains(&address), "{host}: {found:?}");
            }
        }
    }
}
