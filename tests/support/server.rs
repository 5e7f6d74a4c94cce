//! The real `statewright` binary as a child process: started, waited for, stopped or killed.
//!
//! Everything here blocks, so that a test with or without an async runtime can use it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use uuid::Uuid;

use crate::database::SEALING_KEY;

/// How long a server may take until `/readyz` answers 200, and to end after SIGTERM.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a server is to be started.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Further command line arguments after `serve --listen …`.
    pub args: Vec<String>,
    /// Further environment variables; `DATABASE_URL` is set by [`Server::start`].
    pub env: Vec<(String, String)>,
    /// How many files and sockets it may have open; as many as this process if it is not said.
    pub descriptors: Option<u32>,
    /// Another release's program; this one's if it is not said.
    pub program: Option<PathBuf>,
}

/// A running server. Dropping it kills the process; its log is printed if the test is failing.
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts `statewright serve` on a free loopback port and waits until it is ready.
    pub fn start(database_url: &str, options: &ServerOptions) -> Result<Self> {
        // Between choosing a free port and listening on it another process may take it.
        for _ in 0..3 {
            if let Some(server) = Self::start_at(database_url, free_address()?, options)? {
                return Ok(server);
            }
        }
        bail!("no free port after three attempts")
    }

    /// Starts it on this port and waits until it is ready; `None` if the port is in use.
    pub fn start_at(
        database_url: &str,
        address: SocketAddr,
        options: &ServerOptions,
    ) -> Result<Option<Self>> {
        let mut server = Self::spawn(database_url, address, options)?;
        match server.wait_until_ready() {
            Ok(()) => Ok(Some(server)),
            Err(_) if server.log().contains("in use") => Ok(None),
            Err(error) => Err(error.context(server.log())),
        }
    }

    /// Starts the process and does not wait for it.
    pub fn spawn(database_url: &str, address: SocketAddr, options: &ServerOptions) -> Result<Self> {
        let binary = options.program.clone().map_or_else(server_path, Ok)?;
        let mut command = match options.descriptors {
            None => Command::new(&binary),
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]).arg(&binary);
                shell
            }
        };
        let log = std::env::temp_dir().join(format!("statewright-test-{}.log", Uuid::new_v4()));
        let out = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let child = command
            .args(["serve", "--listen", &address.to_string()])
            .args(&options.args)
            .env("DATABASE_URL", database_url)
            .env("STATEWRIGHT_SEALING_KEY", SEALING_KEY)
            .envs(options.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        Ok(Self { child, address, log })
    }

    /// Blocks until `/readyz` answers 200; fails if the process ends or sixty seconds pass.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status} before it was ready");
            }
            if get_status(self.address, "/readyz").is_ok_and(|status| status == 200) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the server was not ready after {} s", PATIENCE.as_secs())
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that the server has written to stdout and stderr so far.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Asks the server to stop (SIGTERM) and waits for its end.
    pub fn stop(self) -> Result<ExitStatus> {
        self.terminate()?;
        self.wait()
    }

    /// Asks the server to stop (SIGTERM).
    pub fn terminate(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// Has the process stand still (SIGSTOP).
    pub fn freeze(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Has it go on (SIGCONT).
    pub fn thaw(&self) -> Result<()> {
        self.signal("CONT")
    }

    fn signal(&self, name: &str) -> Result<()> {
        // The shell's own `kill`: small images have no separate program of that name.
        Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.pid())).status()?;
        Ok(())
    }

    /// Waits for the end of a server that was asked to stop.
    pub fn wait(mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("the server was still there {} s after SIGTERM", PATIENCE.as_secs())
    }

    /// Kills the server as a power cut would (SIGKILL) and waits for its end.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.char_indices().rev().nth(8_000).map_or(0, |(at, _)| at);
            eprintln!("the end of the server's log:\n{}", &log[tail..]);
        }
        let _ = fs::remove_file(&self.log);
    }
}

/// A loopback address on which nothing listens. Its port is none of those that the system gives
/// to connections, so that it stays free while its server is dead.
pub fn free_address() -> Result<SocketAddr> {
    for _ in 0..100 {
        let port = u16::try_from(10_000 + Uuid::new_v4().as_u128() % 20_000)?;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener.local_addr()?);
        }
    }
    bail!("no free port after a hundred attempts")
}

/// The `statewright` binary: `target/PROFILE/statewright`, beside the folder of this test.
pub fn server_path() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let profile = this.parent().and_then(Path::parent).context("a test lives in target/*/deps")?;
    let binary = profile.join("statewright");
    if !binary.exists() {
        bail!("{} is not there; build it with `cargo build -p server`", binary.display());
    }
    Ok(binary)
}

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("this package is a folder of the workspace").to_owned()
}

/// The status of `GET path`; one short connection.
fn get_status(address: SocketAddr, path: &str) -> Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut head = [0_u8; 12]; // "HTTP/1.1 200"
    stream.read_exact(&mut head)?;
    let status = std::str::from_utf8(&head[9..])?.parse()?;
    Ok(status)
}
