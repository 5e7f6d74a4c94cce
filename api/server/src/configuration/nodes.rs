//! How nodes reach each other.

use anyhow::ensure;
use runtime::Nodes;
use serde::{Deserialize, Serialize};

/// What stands for listening nowhere.
const OFF: &str = "off";

/// The table `nodes`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct NodeSettings {
    /// Where to listen for other nodes, or `off`: then nodes speak through the database only
    /// [default: any port of the address by which the database knows this machine]
    #[arg(id = "nodes.listen", long = "nodes-listen", value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Where other nodes connect to, if that is elsewhere
    #[arg(id = "nodes.address", long = "nodes-address", value_name = "HOST:PORT")]
    pub address: Option<String>,
}

/// What these settings mean.
pub(super) fn decide(settings: NodeSettings) -> anyhow::Result<Nodes> {
    let NodeSettings { listen, address } = settings;
    let are_direct = listen.as_deref() != Some(OFF);
    let listen = listen.filter(|_| are_direct);
    for (key, said) in [("listen", &listen), ("address", &address)] {
        if let Some(said) = said {
            ensure!(
                is_place(said),
                "`nodes.{key}` is `{said}`, expected a host or address and a port, as in \
                 `10.0.0.5:7946`"
            );
        }
    }
    Ok(Nodes { are_direct, listen, address })
}

/// Whether a text names a host and a port.
fn is_place(text: &str) -> bool {
    text.len() <= 255
        && text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(listen: &str, address: Option<&str>) -> anyhow::Result<Nodes> {
        let address = address.map(str::to_owned);
        decide(NodeSettings { listen: Some(listen.to_owned()), address })
    }

    #[test]
    fn a_place_is_a_host_and_a_port() {
        let nodes = decided("[::]:0", Some("node-1.internal:7946")).unwrap();
        assert!(nodes.are_direct);
        assert_eq!(nodes.listen.as_deref(), Some("[::]:0"));
        assert_eq!(nodes.address.as_deref(), Some("node-1.internal:7946"));
        let refused = decided("7946", None).unwrap_err().to_string();
        assert_eq!(
            refused,
            "`nodes.listen` is `7946`, expected a host or address and a port, as in `10.0.0.5:7946`"
        );
        assert!(decided("off", Some("here")).is_err());
    }

    #[test]
    fn nodes_may_be_told_to_speak_through_the_database_only() {
        assert!(!decided("off", None).unwrap().are_direct);
        assert!(decide(NodeSettings::default()).unwrap().are_direct);
    }
}
