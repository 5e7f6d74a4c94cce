//! The real `PgBouncer` before a test's database.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::Url;
use uuid::Uuid;

use crate::server::free_address;

/// How long it may take until it listens.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running pooler. Ends when it is dropped.
pub struct Pooler {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
    database: String,
}

impl Pooler {
    /// Starts one before the database at this URL, in this `pool_mode`, with so many sessions at most.
    /// Whoever comes is let in.
    pub fn start(database_url: &str, mode: &str, sessions: u32) -> Result<Self> {
        let url = Url::parse(database_url)?;
        let sockets = url.query_pairs().find(|(name, _)| name == "host").context("no `host=`")?.1;
        let port = url.port().context("no port")?;
        let database = url.path().trim_start_matches('/').to_owned();
        let address = free_address()?;
        let folder = std::env::temp_dir().join(format!("statewright-pooler-{}", Uuid::new_v4()));
        fs::create_dir(&folder)?;
        let configuration = folder.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n\
             {database} = host={sockets} port={port} dbname={database} user=postgres\n\
             [pgbouncer]\n\
             listen_addr = {}\nlisten_port = {}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = {mode}\ndefault_pool_size = {sessions}\n",
            address.ip(),
            address.port(),
        );
        fs::write(&configuration, text)?;
        let mut command = Command::new(program());
        // It refuses to be root, and has to get at the database's socket.
        if fs::metadata("/proc/self")?.uid() == 0 {
            command.args(["-u", &owner(Path::new(sockets.as_ref()))?]);
        }
        let child = command
            .arg("-q")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start pgbouncer; `.ci/prerequisites` installs it")?;
        let mut pooler = Self { child, folder, address, database };
        pooler.wait_until_it_listens()?;
        Ok(pooler)
    }

    /// The URL of the database through it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/{}?sslmode=disable", self.address, self.database)
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("pgbouncer ended with {status}");
            }
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("pgbouncer does not listen")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Debian keeps it where only root's PATH leads.
fn program() -> PathBuf {
    let usual = PathBuf::from("/usr/sbin/pgbouncer");
    if usual.exists() { usual } else { PathBuf::from("pgbouncer") }
}

/// The name of whoever owns a folder.
fn owner(folder: &Path) -> Result<String> {
    let output = Command::new("stat").args(["-c", "%U"]).arg(folder).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
