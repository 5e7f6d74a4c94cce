//! What is sealed opens for its purpose and with its key, and otherwise not at all.

use super::{HEAD_BYTES, Purpose, SealingError, SealingKeyError, SealingKeys};

const PURPOSE: Purpose<'static> = Purpose { table: "functions", account: "1", name: "f" };

fn keys(text: &str) -> Result<SealingKeys, SealingKeyError> {
    text.parse()
}

#[test]
fn what_was_sealed_opens_again_and_shows_nothing_meanwhile() {
    let keys = SealingKeys::random();
    let sealed = keys.seal(PURPOSE, b"hunter2-f00d");
    assert_eq!(keys.open(PURPOSE, &sealed.bytes).unwrap(), b"hunter2-f00d");
    assert_eq!(sealed.by, keys.first());
    assert!(!sealed.bytes.windows(7).any(|window| window == b"hunter2"));
    assert_ne!(sealed.bytes, keys.seal(PURPOSE, b"hunter2-f00d").bytes, "equal secrets look so");
    let nothing = keys.seal(PURPOSE, b"");
    assert_eq!(keys.open(PURPOSE, &nothing.bytes).unwrap(), b"");
}

#[test]
fn it_opens_for_no_other_purpose() {
    let keys = SealingKeys::random();
    let sealed = keys.seal(PURPOSE, b"x").bytes;
    let others = [
        Purpose { table: "secrets", ..PURPOSE },
        Purpose { account: "2", ..PURPOSE },
        Purpose { name: "g", ..PURPOSE },
        // The same letters, but for where one ends and the next begins.
        Purpose { account: "1f", name: "", ..PURPOSE },
        Purpose { account: "", name: "1f", ..PURPOSE },
    ];
    for other in others {
        let refused = keys.open(other, &sealed).unwrap_err();
        assert!(matches!(refused, SealingError::Unreadable { .. }), "{other:?}: {refused}");
    }
}

#[test]
fn another_key_says_which_one_is_needed() {
    let (ours, theirs) = (SealingKeys::random(), SealingKeys::random());
    let refused = theirs.open(PURPOSE, &ours.seal(PURPOSE, b"x").bytes).unwrap_err();
    let (needed, given) = (ours.first().to_owned(), theirs.first().to_owned());
    assert_eq!(refused, SealingError::KeyNotGiven { needed, given });
}

#[test]
fn a_flipped_bit_or_a_missing_byte_is_an_error() {
    let keys = SealingKeys::random();
    let sealed = keys.seal(PURPOSE, b"hunter2").bytes;
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1 << bit;
            let refused = keys.open(PURPOSE, &flipped).unwrap_err();
            let is_key = (1..HEAD_BYTES).contains(&at);
            assert_eq!(matches!(refused, SealingError::KeyNotGiven { .. }), is_key, "{at}");
        }
        assert!(keys.open(PURPOSE, &sealed[..at]).is_err(), "{at}");
    }
    assert!(keys.open(PURPOSE, &[sealed.as_slice(), b"x"].concat()).is_err());
}

#[test]
fn the_first_key_seals_and_all_open() {
    let (old, new) = (SealingKeys::generate(), SealingKeys::generate());
    let (old, new) = (old.reveal(), new.reveal());
    let before = keys(old).unwrap();
    let sealed = before.seal(PURPOSE, b"x").bytes;
    let during = keys(&format!("{new}\n{old}\n")).unwrap();
    assert_eq!(during.open(PURPOSE, &sealed).unwrap(), b"x");
    let again = during.seal(PURPOSE, b"x");
    let after = keys(new).unwrap();
    assert_eq!(again.by, after.first());
    assert_eq!(after.open(PURPOSE, &again.bytes).unwrap(), b"x");
}

#[test]
fn keys_are_read_in_every_spelling_and_shown_in_none() {
    let hexadecimal = "00ff".repeat(16);
    let base64 = "AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8=";
    let spellings = [
        hexadecimal.clone(),
        hexadecimal.to_uppercase(),
        base64.to_owned(),
        base64.trim_end_matches('=').to_owned(),
        base64.replace('/', "_"),
        format!("# the key\n\n  {base64}  # of 2027\r\n"),
        format!(",{base64},"),
    ];
    let id = keys(base64).unwrap().first().to_owned();
    for spelling in spellings {
        assert_eq!(keys(&spelling).unwrap().ids().collect::<Vec<_>>(), [&id], "{spelling}");
    }
    assert_eq!(format!("{:?}", keys(base64).unwrap()), format!("SealingKeys([\"{id}\"])"));
}

#[test]
fn what_gives_no_keys_is_refused_without_being_shown() {
    let good = "00".repeat(32);
    let many: Vec<String> = (0..17).map(|number| format!("{number:064x}")).collect();
    let cases = [
        (String::new(), SealingKeyError::Empty),
        ("# nothing\n \n".to_owned(), SealingKeyError::Empty),
        (format!("{good}\nhunter2"), SealingKeyError::NotAKey(2)),
        (good[1..].to_owned(), SealingKeyError::NotAKey(1)),
        (format!("+{}", &good[1..]), SealingKeyError::NotAKey(1)),
        ("ä".repeat(32), SealingKeyError::NotAKey(1)),
        (format!("{good},{good}"), SealingKeyError::Twice(2)),
        (many.join("\n"), SealingKeyError::TooMany),
    ];
    for (text, expected) in cases {
        let refused = keys(&text).unwrap_err();
        assert_eq!(refused, expected);
        assert!(!refused.to_string().contains("hunter2"));
    }
}
