//! The descriptors that the system gives this process: as many as are wanted, if it may have them.

use runtime::Descriptors;

/// Has the system give as many as are wanted, and shares out what it gives. Says so where that is
/// less.
pub(crate) fn acquire(wanted: Descriptors) -> Descriptors {
    let limit = raise(wanted.sum());
    let shared = wanted.within(limit);
    if shared != wanted {
        let Descriptors { own, calls, guests } = wanted;
        tracing::warn!(
            limit,
            wanted = wanted.sum(),
            "this process may have {limit} files and sockets open, and its configuration wants \
             {}: {guests} connections of clients, {calls} calls, {own} of its own; it makes do \
             with {} connections and {} calls at once; raise `ulimit -n`, or lower `concurrency` \
             or `connections.most`",
            wanted.sum(),
            shared.guests,
            shared.calls,
        );
    }
    shared
}

/// Raises the limit to this, or as far as it goes; what it is then.
fn raise(wanted: usize) -> usize {
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::warn!(%error, "cannot tell how many files and sockets may be open: {error}");
            usize::MAX
        }
    }
}
