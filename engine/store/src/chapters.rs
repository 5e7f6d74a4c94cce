//! The chapters of the schema, as `migrations` has them: `build.rs` lists them.

use std::sync::LazyLock;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Name and text of each, in their order.
const CHAPTERS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/chapters.rs"));

pub(crate) static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = Migrator::with_migrations(CHAPTERS.iter().map(chapter).collect());
    // A later release's are none of its business: see `schema`.
    migrator.set_ignore_missing(true);
    migrator
});

/// What `sqlx` makes of such a file, so that databases know the chapters that they have had.
fn chapter((name, sql): &(&str, &'static str)) -> Migration {
    let (number, title) = name.split_once('_').expect("a chapter is named `0001_its_title`");
    let number = number.parse().expect("a chapter has a number");
    let title = title.replace('_', " ");
    Migration::new(number, title.into(), MigrationType::Simple, sql.into_sql_str(), false)
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    use super::*;

    #[test]
    fn a_chapter_is_known_again_by_databases_that_have_had_it() {
        let first = MIGRATOR.iter().next().unwrap();
        assert_eq!((first.version, &*first.description), (1, "state machines"));
        let checksum = BASE64_STANDARD.encode(&first.checksum);
        assert_eq!(checksum, "ODqq6oghNBSBqUisUtI3p+m+/PuxQ0cLV1yzjYvm/kUSdPEB49cFHZ5LqOqXv52g");
        let numbers: Vec<i64> = MIGRATOR.iter().map(|chapter| chapter.version).collect();
        assert!(numbers.iter().zip(1..).all(|(number, at)| *number == at), "{numbers:?}");
    }
}
