//! The UUIDs that `States.UUID` and `$uuid` give.

/// A version 4 UUID of these random bits.
pub(crate) fn of(upper: u64, lower: u64) -> String {
    let upper = (upper & !0xF000) | 0x4000;
    let lower = (lower & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        upper >> 32,
        (upper >> 16) & 0xFFFF,
        upper & 0xFFFF,
        lower >> 48,
        lower & 0xFFFF_FFFF_FFFF
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_uuid_says_that_it_is_random() {
        assert_eq!(super::of(0, 0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(super::of(u64::MAX, u64::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
