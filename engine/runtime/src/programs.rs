//! Compiled revisions, cached. A revision never changes, so an entry is good for ever; the
//! cache is bounded and drops what it has not used for longest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use asl::Program;
use store::Store;
use uuid::Uuid;

/// Most programs kept in memory.
const CAPACITY: usize = 1_000;

/// Why a revision has no program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("there is no revision {0}")]
    Missing(Uuid),
    #[error("revision {revision} does not compile with this release: {why}")]
    DoesNotCompile { revision: Uuid, why: String },
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The programs of revisions.
pub struct Programs {
    store: Store,
    cached: Mutex<Cache>,
    /// Held while a revision is read and compiled, so that a thousand starts at once of a new
    /// machine do it once.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Cache {
    programs: HashMap<Uuid, (u64, Arc<Program>)>,
    uses: u64,
}

impl Programs {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, cached: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    /// The program of this revision; compiled on first use.
    pub async fn of(&self, revision: Uuid) -> Result<Arc<Program>, ProgramError> {
        if let Some(program) = self.cached(revision) {
            return Ok(program);
        }
        let _reading = self.reading.lock().await;
        if let Some(program) = self.cached(revision) {
            return Ok(program);
        }
        let definition =
            self.store.definition(revision).await?.ok_or(ProgramError::Missing(revision))?;
        let program = asl::compile(&definition).map_err(|diagnostics| {
            let why = diagnostics.first().map(|first| first.message.clone()).unwrap_or_default();
            ProgramError::DoesNotCompile { revision, why }
        })?;
        let program = Arc::new(program);
        self.keep(revision, &program);
        Ok(program)
    }

    fn cached(&self, revision: Uuid) -> Option<Arc<Program>> {
        let mut cache = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        cache.uses += 1;
        let count = cache.uses;
        let (used, program) = cache.programs.get_mut(&revision)?;
        *used = count;
        Some(program.clone())
    }

    fn keep(&self, revision: Uuid, program: &Arc<Program>) {
        let mut cache = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.programs.len() >= CAPACITY {
            let oldest = cache.programs.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(revision, _)| *revision) {
                cache.programs.remove(&oldest);
            }
        }
        let uses = cache.uses;
        cache.programs.insert(revision, (uses, program.clone()));
    }
}
