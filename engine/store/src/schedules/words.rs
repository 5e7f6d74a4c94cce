//! The words that the tables of schedules know.

use std::str::FromStr;

use crate::status::Unknown;

/// A closed set of words: each variant, and how the database and REST spell it.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name { $($(#[$what])* $variant,)+ }

        impl $name {
            /// As the database spells it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = Unknown;

            fn from_str(text: &str) -> Result<Self, Unknown> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(Unknown(other.to_owned())),
                }
            }
        }
    };
}

words! {
    /// Whether a schedule fires.
    ScheduleState {
        /// It does.
        Enabled = "enabled",
        /// What comes due is skipped.
        Paused = "paused",
    }
}

words! {
    /// What becomes of a firing while an execution of an earlier one runs.
    Overlap {
        /// It starts all the same.
        Allow = "allow",
        /// It does not start.
        Skip = "skip",
        /// One waits for the others to end; a second one does not start.
        QueueOne = "queue_one",
        /// The earlier executions are stopped; then it starts.
        CancelPrevious = "cancel_previous",
    }
}

words! {
    /// What becomes of firings that were missed because nothing ran.
    CatchUp {
        /// None is made up for.
        Skip = "skip",
        /// The latest is made up for.
        One = "one",
        /// All are made up for.
        All = "all",
    }
}

words! {
    /// What brought a firing about.
    FiringKind {
        /// The expression.
        Scheduled = "scheduled",
        /// The expression, while nothing ran.
        CatchUp = "catch_up",
        /// A user, now.
        RunNow = "run_now",
        /// A user, for a time in a range.
        Backfill = "backfill",
    }
}

words! {
    /// How far a firing is.
    FiringState {
        /// It will be tried.
        Pending = "pending",
        /// It waits for an earlier execution to end.
        Queued = "queued",
        /// Its execution was started.
        Started = "started",
        /// It was decided that it does not run.
        Skipped = "skipped",
        /// Its execution could not be started.
        Failed = "failed",
    }
}

words! {
    /// How far a backfill is.
    BackfillState {
        /// It makes firings.
        Running = "running",
        /// It has made the last one.
        Done = "done",
        /// It was cancelled.
        Cancelled = "cancelled",
    }
}
