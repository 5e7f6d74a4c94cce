//! What belongs to this server: the addresses of its machine, and its database.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Names, Objection};
use crate::perform::lack::{self, Lack};

/// How long the addresses of the database's name are believed.
const FRESH: Duration = Duration::from_secs(5);
/// For whom the database's name is looked up: no account is called so.
const SERVER: &str = "";
/// Any port will do where nothing is sent.
const DISCARD: u16 = 9;

/// Whether an address is one of this machine: what it would itself send from to get there. No packet
/// is sent to find out.
pub(super) fn is_this(address: IpAddr) -> Result<bool, Objection> {
    if address.is_loopback() {
        return Ok(true);
    }
    match source_of(address) {
        Ok(source) => Ok(source == address),
        Err(error) => match lack::of(&error) {
            Some(lack @ (Lack::Descriptors | Lack::Memory)) => Err(Objection::Lack(lack)),
            // There is no way to it from here.
            _ => Ok(false),
        },
    }
}

/// The address from which this machine would reach another.
pub(super) fn source_of(address: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((address, DISCARD))?;
    Ok(socket.local_addr()?.ip())
}

/// A place where the database is.
pub(super) struct Database {
    host: String,
    port: u16,
    /// The addresses of the host, and since when.
    known: Mutex<Option<(Instant, Vec<IpAddr>)>>,
}

impl Database {
    pub(super) fn new(host: String, port: u16) -> Self {
        Self { host, port, known: Mutex::default() }
    }

    /// Whether the database is at this address. If it is on this machine, it is at all of its
    /// addresses.
    pub(super) async fn is_at(
        &self,
        address: SocketAddr,
        names: &Arc<Names>,
    ) -> Result<bool, Objection> {
        if address.port() != self.port {
            return Ok(false);
        }
        let addresses = self.addresses(names).await?;
        if addresses.contains(&address.ip()) {
            return Ok(true);
        }
        if !is_this(address.ip())? {
            return Ok(false);
        }
        for own in addresses {
            if is_this(own)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// If they cannot be told now, those of before; if there were none, a call waits: so does all
    /// else while the database is away.
    async fn addresses(&self, names: &Arc<Names>) -> Result<Vec<IpAddr>, Objection> {
        let mut known = self.known.lock().await;
        if let Some((since, addresses)) = &*known
            && since.elapsed() < FRESH
        {
            return Ok(addresses.clone());
        }
        let found = match self.host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => Ok(vec![address]),
            Err(_) => names.find(&Arc::from(SERVER), &self.host).await,
        };
        match (found, &*known) {
            (Ok(found), _) => {
                let found: Vec<IpAddr> = found.iter().map(IpAddr::to_canonical).collect();
                *known = Some((Instant::now(), found.clone()));
                Ok(found)
            }
            (Err(_), Some((_, addresses))) => Ok(addresses.clone()),
            (Err(_), None) => Err(Objection::Lack(Lack::Names)),
        }
    }
}
