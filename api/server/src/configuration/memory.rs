//! How much memory executions may take.

use super::within;

const MIB: usize = 1024 * 1024;
/// What a machine has that does not tell.
const UNTOLD_MIB: usize = 1024;
/// Least and most that may be set.
const BOUNDS_MIB: (usize, usize) = (16, 16 * 1024 * 1024);

/// So many MiB in bytes; where nothing is said, half of what there is.
pub(super) fn decide(mib: Option<usize>) -> anyhow::Result<usize> {
    let (least, most) = BOUNDS_MIB;
    let mib = mib.unwrap_or_else(|| (all_mib() / 2).clamp(least, most));
    Ok(within("memory_mib", mib, least, most)?.saturating_mul(MIB))
}

/// What the machine has, or the container that confines this process.
fn all_mib() -> usize {
    let Ok(mut system) = sysinfo::System::new() else { return UNTOLD_MIB };
    system.refresh_memory();
    let confined = system.cgroup_limits().map(|limits| limits.total_memory);
    let all = confined.into_iter().chain([system.total_memory()]).filter(|all| *all > 0).min();
    all.map_or(UNTOLD_MIB, |all| usize::try_from(all).unwrap_or(usize::MAX) / MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_what_there_is_or_what_is_said() {
        assert!(all_mib() > 128, "this machine has {} MiB", all_mib());
        assert_eq!(decide(None).unwrap(), all_mib() / 2 * MIB);
        assert_eq!(decide(Some(20)).unwrap(), 20 * MIB);
        let refused = decide(Some(3)).unwrap_err().to_string();
        assert_eq!(refused, "`memory_mib` is 3, expected 16 to 16777216");
    }
}
