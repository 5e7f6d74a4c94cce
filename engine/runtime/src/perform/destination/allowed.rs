//! What the configuration allows calls to reach though it is refused otherwise.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

/// One entry of `outgoing.allow`: a network, an address or a host's name; the latter two with a port
/// or without.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Allowed {
    Network(IpNet),
    Address(SocketAddr),
    Name(String, Option<u16>),
}

/// An entry that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{entry}` is to be a network (`169.254.10.0/24`), an address (`10.0.0.5`, `10.0.0.5:5432`, \
     `[fd00::1]:5432`) or a host (`metadata.internal`, `metadata.internal:80`){why}"
)]
pub struct AllowedError {
    entry: String,
    why: &'static str,
}

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(entry: &str) -> Result<Self, AllowedError> {
        let refused = |why| Err(AllowedError { entry: entry.to_owned(), why });
        if entry.contains('/') {
            return match entry.parse::<IpNet>() {
                Ok(network) if network.trunc() == network => Ok(Self::Network(network)),
                Ok(_) => refused("; the bits of this network behind its length are not zero"),
                Err(_) => refused(""),
            };
        }
        if let Ok(address) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::Network(IpNet::from(address)));
        }
        if let Ok(address) = entry.parse::<SocketAddr>() {
            return match address.port() {
                0 => refused("; there is no port 0"),
                _ => Ok(Self::Address(address)),
            };
        }
        let (name, port) = match entry.split_once(':') {
            None => (entry, None),
            Some((name, port)) => match port.parse::<u16>() {
                Ok(port) if port > 0 => (name, Some(port)),
                _ => return refused("; its port is to be a number from 1 to 65535"),
            },
        };
        let name = plain(name);
        let fits = |part: &str| {
            !part.is_empty()
                && part.len() <= 63
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        // What ends in a number is an address in some notation, and none that we read.
        let is_number = name.rsplit('.').next().is_some_and(|last| {
            last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x")
        });
        if is_number || !name.split('.').all(fits) {
            return refused("");
        }
        Ok(Self::Name(name, port))
    }
}

impl Allowed {
    /// Whether it allows this address, to which the URL's host has led.
    pub(super) fn covers(&self, host: &str, address: SocketAddr) -> bool {
        match self {
            Self::Network(network) => network.contains(&address.ip()),
            Self::Address(allowed) => {
                (allowed.ip(), allowed.port()) == (address.ip(), address.port())
            }
            Self::Name(name, port) => {
                *name == plain(host) && port.is_none_or(|port| port == address.port())
            }
        }
    }
}

/// A name as it is compared: case and the root's dot mean nothing.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(entry: &str, host: &str, address: &str) -> bool {
        entry.parse::<Allowed>().unwrap().covers(host, address.parse().unwrap())
    }

    #[test]
    fn networks_addresses_and_names_are_allowed() {
        assert!(covers("169.254.10.0/24", "", "169.254.10.7:80"));
        assert!(!covers("169.254.10.0/24", "", "169.254.11.7:80"));
        assert!(covers("fe80::/10", "", "[fe80::1]:80"));
        assert!(covers("10.0.0.5", "", "10.0.0.5:1") && !covers("10.0.0.5", "", "10.0.0.6:1"));
        assert!(covers("10.0.0.5:5432", "", "10.0.0.5:5432"));
        assert!(!covers("10.0.0.5:5432", "", "10.0.0.5:80"));
        assert!(covers("[fd00::1]:80", "", "[fd00::1]:80") && covers("[::1]", "", "[::1]:80"));
        assert!(covers("metadata.internal", "Metadata.Internal.", "169.254.169.254:80"));
        assert!(covers("metadata.internal:80", "metadata.internal", "169.254.169.254:80"));
        assert!(!covers("metadata.internal:80", "metadata.internal", "169.254.169.254:81"));
        assert!(!covers("metadata.internal", "x.metadata.internal", "169.254.169.254:80"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let tail = "is to be a network (`169.254.10.0/24`), an address (`10.0.0.5`, \
                    `10.0.0.5:5432`, `[fd00::1]:5432`) or a host (`metadata.internal`, \
                    `metadata.internal:80`)";
        let cases = [
            ("10.0.0.0/33", ""),
            ("10.0.0.1/24", "; the bits of this network behind its length are not zero"),
            ("10.0.0.5:0", "; there is no port 0"),
            ("a:99999", "; its port is to be a number from 1 to 65535"),
            ("a:", "; its port is to be a number from 1 to 65535"),
            ("", ""),
            ("http://a", ""),
            ("a b", ""),
            ("*.internal", ""),
            ("10.0.0", ""),
            ("2852039166", ""),
            ("0xa9fea9fe", ""),
        ];
        for (entry, why) in cases {
            let error = entry.parse::<Allowed>().unwrap_err().to_string();
            assert_eq!(error, format!("`{entry}` {tail}{why}"));
        }
    }
}
