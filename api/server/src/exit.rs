//! How the program ends: the exit codes, which scripts rely on.

use std::process::ExitCode;

/// What the exit code says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// 0: done; of `run`: the execution succeeded.
    Done,
    /// 1: something failed; of `validate`: a definition has errors; of `run`: the execution failed.
    Failed,
    /// 2: the call is wrong or a file cannot be read; nothing was done.
    Usage,
    /// 3: the execution timed out.
    TimedOut,
    /// 4: the execution was aborted.
    Aborted,
}

impl Exit {
    /// The number a shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::TimedOut => 3,
            Self::Aborted => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
