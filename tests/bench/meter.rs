//! What a load costs: CPU seconds from `/proc`, WAL and rows from Postgres.

use std::fs;
use std::path::Path;

use std::process::Command;

use anyhow::{Context, Result, ensure};
use tests::psql::psql;

/// Where the figures come from.
pub(crate) struct Meter {
    url: String,
    server: u32,
    postmaster: u32,
    ticks_per_second: f64,
}

/// The counters at one moment, or what was used between two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) server_cpu: f64,
    pub(crate) postgres_cpu: f64,
    /// This program: the client and the functions.
    pub(crate) own_cpu: f64,
    pub(crate) wal_bytes: f64,
    /// Rows of `turns`, and the transactions that wrote them.
    pub(crate) turns: f64,
    pub(crate) commits: f64,
    pub(crate) turn_bytes: f64,
}

impl Meter {
    pub(crate) fn new(url: &str, server: u32, postmaster_file: &Path) -> Result<Self> {
        let file = fs::read_to_string(postmaster_file)
            .with_context(|| format!("read {}", postmaster_file.display()))?;
        let postmaster = file.lines().next().unwrap_or_default().trim().parse()?;
        let ticks = Command::new("getconf").arg("CLK_TCK").output()?;
        let ticks_per_second = String::from_utf8(ticks.stdout)?.trim().parse()?;
        Ok(Self { url: url.to_owned(), server, postmaster, ticks_per_second })
    }

    /// The counters before a load: CPU last, so that counting rows is not charged to the load.
    pub(crate) fn begin(&self) -> Result<Reading> {
        let counts = self.counts()?;
        self.with_cpu(counts)
    }

    /// What was used since `begin`: CPU first, for the same reason.
    pub(crate) fn since(&self, begin: &Reading) -> Result<Reading> {
        let cpu = self.with_cpu(Reading::default())?;
        let counts = self.counts()?;
        Ok(Reading {
            server_cpu: cpu.server_cpu - begin.server_cpu,
            postgres_cpu: cpu.postgres_cpu - begin.postgres_cpu,
            own_cpu: cpu.own_cpu - begin.own_cpu,
            wal_bytes: counts.wal_bytes - begin.wal_bytes,
            turns: counts.turns - begin.turns,
            commits: counts.commits - begin.commits,
            turn_bytes: counts.turn_bytes - begin.turn_bytes,
        })
    }

    fn with_cpu(&self, counts: Reading) -> Result<Reading> {
        Ok(Reading {
            server_cpu: self.seconds(&stat(self.server)?, false),
            postgres_cpu: self.postgres_cpu()?,
            own_cpu: self.seconds(&stat(std::process::id())?, false),
            ..counts
        })
    }

    fn counts(&self) -> Result<Reading> {
        let counted = psql(
            &self.url,
            "SELECT pg_current_wal_lsn() - '0/0', count(*), count(DISTINCT xmin::text), \
             coalesce(sum(octet_length(body)), 0) FROM turns",
        )?;
        let counts: Vec<f64> = counted.split('|').map(str::parse).collect::<Result<_, _>>()?;
        let [wal_bytes, turns, commits, turn_bytes] = counts[..] else {
            anyhow::bail!("four counts were asked for, the answer is {counted}");
        };
        Ok(Reading { wal_bytes, turns, commits, turn_bytes, ..Reading::default() })
    }

    /// The postmaster, what it has reaped, and its living children.
    fn postgres_cpu(&self) -> Result<f64> {
        let mut sum = self.seconds(&stat(self.postmaster)?, true);
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            // A process may end while we look.
            let Ok(fields) = stat(pid) else { continue };
            if fields[1] == u64::from(self.postmaster) {
                sum += self.seconds(&fields, false);
            }
        }
        Ok(sum)
    }

    /// User and system time, with that of reaped children if asked for.
    fn seconds(&self, fields: &[u64], with_reaped: bool) -> f64 {
        // Counted from the state: utime, stime, cutime, cstime are the 12th to 15th.
        let last = if with_reaped { 15 } else { 13 };
        let ticks: u64 = fields[11..last].iter().sum();
        f64::from(u32::try_from(ticks).unwrap_or(u32::MAX)) / self.ticks_per_second
    }
}

/// The numbers of `/proc/PID/stat` after the program's name; what is no count is 0.
fn stat(pid: u32) -> Result<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = text.rsplit(')').next().unwrap_or_default();
    let fields: Vec<u64> =
        after.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    ensure!(fields.len() > 15, "/proc/{pid}/stat has too few fields");
    Ok(fields)
}
