//! Timestamps, as definitions and data have them.

use asl::choice_rule::parse_timestamp;

use super::dice::Dice;

const DATES: [&str; 12] = [
    "2024-02-29",
    "2023-02-29",
    "0000-00-00",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "-001-01-01",
    "+2024-01-01",
    "2024-1-1",
    "２０２４-01-01",
    "20240101",
    "2016-12-31",
];
const TIMES: [&str; 11] = [
    "12:00:00",
    "23:59:60",
    "24:00:00",
    "00:00:00.000000001",
    "12:00:00.1234567890123456789012345",
    "12:00:00,5",
    "12:00",
    "120000",
    "1:2:3",
    "99:99:99",
    "",
];
const ZONES: [&str; 12] = [
    "Z", "z", "+00:00", "-00:00", "+23:59", "-23:59", "+24:00", "+99:99", "+0100", " UTC", "Zé", "",
];

/// A timestamp, or something like one.
pub(super) fn text(dice: &mut Dice) -> String {
    let separators = ["T", "T", "T", "t", " ", ""];
    // Right in most of its parts, so that all of them are seen at work.
    let part = |dice: &mut Dice, parts: &[&'static str]| {
        if dice.one_in(2) { parts[0] } else { *dice.pick(parts) }
    };
    let (date, time) = (part(dice, &DATES), part(dice, &TIMES));
    let mut text = format!("{date}{}{time}{}", dice.pick(&separators), part(dice, &ZONES));
    if dice.one_in(8) {
        let at = text.floor_char_boundary(dice.below(text.len() + 1));
        text.insert_str(at, dice.pick::<&str>(&["9", "-", ":", ".", "𝄞", "\u{0}"]));
    }
    text
}

#[test]
fn a_timestamp_is_read_as_rfc_3339_has_it_or_not_at_all() {
    super::fuzz(|seed, told| {
        let mut dice = Dice::new(seed);
        for _ in 0..50 {
            let text = text(&mut dice);
            let read = parse_timestamp(&text);
            if told {
                println!("{text:?} is {read:?}");
            }
            let Some(time) = read else { continue };
            let again = parse_timestamp(&time.to_rfc3339());
            if again != Some(time) || text.contains(['t', 'z', ' ']) || !text.is_ascii() {
                return Err(format!("{text:?} is read as {time:?}, and that as {again:?}"));
            }
        }
        Ok(())
    });
}
