//! Where calls may go: what is never called unless the configuration allows it.
//!
//! An address is judged when a connection is made to it: as the system resolved it then, whatever
//! the URL calls it, and whatever the same name was a moment before. A connection that is kept for
//! later calls was judged when it was made.

mod allowed;
mod names;
mod own;
mod resolver;
mod special;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use super::lack::{Lack, Lacks};
use own::Database;

pub use allowed::{Allowed, AllowedError};
#[cfg(test)]
pub(super) use names::Lookup;
pub(super) use names::Names;
pub(super) use resolver::{Asking, Resolver};

/// Within what time a look-up fails that lacked something here; one that nobody answered takes longer.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Judges where calls go.
pub(super) struct Destinations {
    allowed: Vec<Allowed>,
    own_ports: Vec<u16>,
    databases: Vec<Database>,
    names: Arc<Names>,
    lacks: Lacks,
}

/// Why an address is not called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    LinkLocal,
    Metadata,
    Unspecified,
    Multicast,
    Broadcast,
    OwnPort,
    Database,
}

impl Reason {
    fn text(self) -> &'static str {
        match self {
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "where a cloud's metadata and credentials are",
            Self::Unspecified => "no address of any machine",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "a broadcast address",
            Self::OwnPort => "a port of this server itself",
            Self::Database => "this server's database",
        }
    }
}

/// Why no connection is made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Objection {
    #[error("{} is {}", place(*.0, *.1), .1.text())]
    Refused(SocketAddr, Reason),
    #[error("this node cannot look it up now: {0}")]
    Lack(Lack),
    #[error("{0}")]
    Unknown(std::io::Error),
}

impl Objection {
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(..))
    }
}

/// An address as far as it matters.
fn place(address: SocketAddr, reason: Reason) -> String {
    match reason {
        Reason::OwnPort | Reason::Database => address.to_string(),
        Reason::LinkLocal
        | Reason::Metadata
        | Reason::Unspecified
        | Reason::Multicast
        | Reason::Broadcast => address.ip().to_string(),
    }
}

impl Destinations {
    /// The rules: what is allowed by configuration, on which ports this server listens, and the hosts
    /// and ports of its database.
    pub(super) fn new(
        allowed: Vec<Allowed>,
        own_ports: Vec<u16>,
        database: Vec<(String, u16)>,
        names: Arc<Names>,
    ) -> Self {
        let databases = database.into_iter();
        let databases = databases.map(|(host, port)| Database::new(host, port)).collect();
        Self { allowed, own_ports, databases, names, lacks: Lacks::default() }
    }

    /// What this node lacked of late.
    pub(super) fn lacks(&self) -> &Lacks {
        &self.lacks
    }

    /// Judges a URL that names an address and no host, as such a URL needs no resolver. In whatever
    /// notation it was: a parsed URL has one for each address.
    pub(super) async fn judge_literal(&self, url: &Url) -> Result<(), Objection> {
        match (literal(url), url.port_or_known_default()) {
            (Some(address), Some(port)) => self.judge("", SocketAddr::new(address, port)).await,
            _ => Ok(()),
        }
    }

    /// Judges a URL as far as that is possible without asking anybody for the addresses of a name.
    pub(super) async fn judge_known(&self, url: &Url) -> Result<(), Objection> {
        let (Some(name), Some(port)) = (url.domain(), url.port_or_known_default()) else {
            return self.judge_literal(url).await;
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            let address = SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), port);
            return self.judge(&name, address).await;
        }
        Ok(())
    }

    /// The addresses of a host that a call of this account may go to. If all are refused, so is the
    /// host.
    pub(super) async fn find(
        &self,
        account: &Arc<str>,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Objection> {
        let began = Instant::now();
        let found = match self.look_up(account, host).await {
            // Once more: what the system lacked for it may be there again when we look whether it
            // lacks something. Not what took long, as that would take as long again.
            Err(Objection::Unknown(_)) if began.elapsed() < AT_ONCE => {
                self.look_up(account, host).await?
            }
            other => other?,
        };
        let (mut good, mut refused) = (Vec::new(), None);
        for address in found {
            let address = SocketAddr::new(address, port);
            match self.judge(host, address).await {
                Ok(()) => good.push(address),
                Err(objection @ Objection::Refused(..)) => refused = refused.or(Some(objection)),
                Err(other) => return Err(other),
            }
        }
        match refused {
            Some(refused) if good.is_empty() => Err(refused),
            _ => Ok(good),
        }
    }

    /// Whether this machine has addresses from which it can reach this URL's, all of them.
    pub(super) async fn is_in_reach(&self, account: &Arc<str>, url: &Url) -> bool {
        let addresses = match (literal(url), url.domain()) {
            (Some(address), _) => vec![address],
            (None, Some(name)) => self.look_up(account, name).await.unwrap_or_default(),
            (None, None) => Vec::new(),
        };
        addresses.into_iter().all(|address| own::source_of(address).is_ok())
    }

    async fn look_up(&self, account: &Arc<str>, host: &str) -> Result<Vec<IpAddr>, Objection> {
        let found = self.names.find(account, host).await;
        found.map_err(|error| match self.lacks.of_lookup(&error) {
            Some(lack) => Objection::Lack(lack),
            None => Objection::Unknown(error),
        })
    }

    async fn judge(&self, host: &str, address: SocketAddr) -> Result<(), Objection> {
        for form in special::forms(address.ip()) {
            let form = SocketAddr::new(form, address.port());
            if self.allowed.iter().any(|allowed| allowed.covers(host, form)) {
                continue;
            }
            if let Some(reason) = self.reason(form).await? {
                let shown = SocketAddr::new(form.ip().to_canonical(), form.port());
                return Err(Objection::Refused(shown, reason));
            }
        }
        Ok(())
    }

    async fn reason(&self, address: SocketAddr) -> Result<Option<Reason>, Objection> {
        if let Some(reason) = special::reason(address.ip()) {
            return Ok(Some(reason));
        }
        if self.own_ports.contains(&address.port()) && own::is_this(address.ip())? {
            return Ok(Some(Reason::OwnPort));
        }
        for database in &self.databases {
            if database.is_at(address, &self.names).await? {
                return Ok(Some(Reason::Database));
            }
        }
        Ok(None)
    }
}

/// The address a URL names, if it names one.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

#[cfg(test)]
mod tests;
