//! A tests' Postgres, which is reached by a socket of its machine, as one that is reached over the
//! network.
#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::net::SocketAddr;

use tokio::net::{TcpListener, UnixStream};

/// A database behind a port of loopback, as long as the runtime of the test lives.
pub struct Networked {
    /// The database's URL by that port.
    pub url: String,
    pub address: SocketAddr,
}

impl Networked {
    /// Opens a port that leads to the database of this URL, which names the folder of its socket.
    pub async fn of(url: &str) -> Self {
        let (place, parameters) = url.split_once('?').unwrap();
        let folder = parameters.split('&').find_map(|one| one.strip_prefix("host=")).unwrap();
        let folder = folder.replace("%2F", "/").replace("%25", "%");
        let (server, name) = place.rsplit_once('/').unwrap();
        let socket = format!("{folder}/.s.PGSQL.{}", server.rsplit(':').next().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let socket = socket.clone();
                tokio::spawn(async move {
                    let mut server = UnixStream::connect(socket).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self { url: format!("postgres://postgres@{address}/{name}?sslmode=disable"), address }
    }
}
