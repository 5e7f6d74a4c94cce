//! In which order `java.util.HashMap` and `HashSet` list what was put into them: by bucket, and within
//! a bucket as it came.

use std::collections::HashMap;

use serde_json::Value;

/// Buckets of a new table.
const FEWEST_BUCKETS: u32 = 16;

/// Sorts as a `HashMap` with these keys, put in one after the other, lists them: the table
/// doubles when it is three quarters full.
pub(crate) fn names_in_hash_order<T>(entries: &mut [T], name: impl Fn(&T) -> &str) {
    let mut buckets = FEWEST_BUCKETS;
    while entries.len() as u64 * 4 > u64::from(buckets) * 3 {
        buckets *= 2;
    }
    entries.sort_by_key(|entry| bucket(text_hash(name(entry)), buckets));
}

/// The different ones of these, as `new HashSet<>(values)` lists them. `compared` is told before each
/// comparison with the value, so that it can be counted.
pub(crate) fn unique_in_hash_order<'v, E>(
    values: &'v [Value],
    mut compared: impl FnMut(&'v Value) -> Result<(), E>,
) -> Result<Vec<&'v Value>, E> {
    let wanted = values.len() as u64 * 4 / 3 + 1;
    let buckets = u32::try_from(wanted).unwrap_or(u32::MAX / 4).next_power_of_two();
    let buckets = buckets.max(FEWEST_BUCKETS);
    let mut seen: HashMap<u32, Vec<&Value>> = HashMap::new();
    let mut kept = Vec::new();
    for value in values {
        compared(value)?;
        let hash = hash(value);
        let alike = seen.entry(hash).or_default();
        let mut new = true;
        for other in alike.iter() {
            compared(value)?;
            new &= *other != value;
        }
        if new {
            alike.push(value);
            kept.push((bucket(hash, buckets), value));
        }
    }
    kept.sort_by_key(|(bucket, _)| *bucket);
    Ok(kept.into_iter().map(|(_, value)| value).collect())
}

fn bucket(hash: u32, buckets: u32) -> u32 {
    (hash ^ (hash >> 16)) & (buckets - 1)
}

/// `Object.hashCode` of the value's Java class.
fn hash(value: &Value) -> u32 {
    match value {
        Value::Null => 0,
        Value::Bool(true) => 1231,
        Value::Bool(false) => 1237,
        Value::Number(number) => match number.as_i64() {
            Some(integer) => match i32::try_from(integer) {
                Ok(integer) => integer.cast_unsigned(),
                Err(_) => folded(integer.cast_unsigned()),
            },
            None if number.is_u64() => folded(number.as_u64().unwrap_or_default()),
            None => folded(number.as_f64().unwrap_or_default().to_bits()),
        },
        Value::String(text) => text_hash(text),
        Value::Array(items) => {
            items.iter().fold(1, |sum: u32, item| sum.wrapping_mul(31).wrapping_add(hash(item)))
        }
        Value::Object(members) => members
            .iter()
            .fold(0, |sum: u32, (name, value)| sum.wrapping_add(text_hash(name) ^ hash(value))),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are mixed, as Java does")]
fn folded(bits: u64) -> u32 {
    (bits ^ (bits >> 32)) as u32
}

fn text_hash(text: &str) -> u32 {
    text.encode_utf16()
        .fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use serde_json::{Value, json};

    use super::{names_in_hash_order, unique_in_hash_order};
    use crate::choice_rule::OPERATORS;

    fn unique(values: &Value) -> Value {
        let found = unique_in_hash_order(values.as_array().unwrap(), |_| Ok::<_, Infallible>(()));
        let Ok(found) = found;
        found.into_iter().cloned().collect()
    }

    /// Two lists that AWS was seen to write.
    #[test]
    fn names_come_in_the_order_of_their_hashes() {
        let mut names = OPERATORS;
        names_in_hash_order(&mut names, |name| name);
        assert_eq!(names, OPERATORS);
        let mut names = ["Timestamp", "SecondsPath", "TimestampPath", "Seconds"];
        names_in_hash_order(&mut names, |name| name);
        assert_eq!(names, ["SecondsPath", "Seconds", "TimestampPath", "Timestamp"]);
    }

    #[test]
    fn different_values_come_in_the_order_of_their_hashes() {
        for (values, expected) in [
            (json!([true, false, true, false]), json!([false, true])),
            (json!([null, null, 1, null]), json!([null, 1])),
            (json!([1, "1", 1, "01"]), json!([1, "1", "01"])),
            (json!([[1, 2], [2, 1]]), json!([[2, 1], [1, 2]])),
            (json!([{"a": 1, "b": 2}, {"b": 2, "a": 1}]), json!([{"a": 1, "b": 2}])),
            (json!([17, 1, 16]), json!([16, 17, 1])),
            (json!([3_000_000_000_i64, 1, 1.0]), json!([3_000_000_000_i64, 1.0, 1])),
            (json!([]), json!([])),
        ] {
            assert_eq!(unique(&values).to_string(), expected.to_string(), "{values}");
        }
    }

    #[test]
    fn names_come_in_the_order_of_a_table_that_grows() {
        let sorted = |names: &str| {
            let mut names: Vec<&str> = names.split(' ').collect();
            names_in_hash_order(&mut names, |name| name);
            names.join(" ")
        };
        assert_eq!(sorted("name role isActive"), "role name isActive");
        assert_eq!(sorted("id firstSku"), "firstSku id");
        assert_eq!(sorted("traceId priority"), "traceId priority");
        // `p` and `@` share a bucket of 16, not one of 32.
        assert_eq!(sorted("p @"), "p @");
        assert_eq!(sorted("p @ b c d e f g h i j k l"), "@ b c d e f g h i j k l p");
    }
}
