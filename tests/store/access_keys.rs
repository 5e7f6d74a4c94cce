//! Access keys: made, found, listed, revoked; the nodes hear of it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use store::{Hint, NewAccessKey, Scope, Store};
use tests::database::Database;
use tests::psql::{in_hexadecimal, psql};

use super::at;

const ACCOUNT: &str = "123456789012";

fn new(account: &str, scope: Scope, expires_at: Option<DateTime<Utc>>) -> NewAccessKey {
    let (account, note) = (account.to_owned(), "for a test".to_owned());
    NewAccessKey { account, scope, note, created_at: at(0), expires_at }
}

#[tokio::test]
async fn a_key_is_found_by_its_id_with_the_secret_that_it_was_made_with() {
    let store = Database::private().await.store;
    let made = store.create_access_key(&new(ACCOUNT, Scope::Run, Some(at(60)))).await.unwrap();
    assert_eq!(store.access_key(&made.id).await.unwrap(), Some(made.clone()));
    assert_eq!((made.account.as_str(), made.scope), (ACCOUNT, Scope::Run));
    assert_eq!(made.expires_at, Some(at(60)));
    assert_eq!(store.access_key(&made.id.to_lowercase()).await.unwrap(), None);
    assert_eq!(store.access_key("").await.unwrap(), None);
    let other = store.create_access_key(&new(ACCOUNT, Scope::Run, None)).await.unwrap();
    assert!(other.id != made.id && other.secret != made.secret);
}

#[tokio::test]
async fn its_secret_is_sealed_and_bound_to_it() {
    let database = Database::private().await;
    let store = &database.store;
    let one = store.create_access_key(&new(ACCOUNT, Scope::Read, None)).await.unwrap();
    let two = store.create_access_key(&new("210987654321", Scope::Admin, None)).await.unwrap();
    let rows = psql(&database.url, "SELECT it::text FROM access_keys it").unwrap();
    let hexadecimal = in_hexadecimal(one.secret.reveal().as_bytes());
    assert!(!rows.contains(one.secret.reveal()) && !rows.contains(&hexadecimal), "{rows}");
    // Whoever can write to the database still cannot make one account's key another's.
    psql(&database.url, &format!("UPDATE access_keys SET account = '{ACCOUNT}'")).unwrap();
    assert!(store.access_key(&one.id).await.is_ok());
    assert!(store.access_key(&two.id).await.unwrap_err().sealing().is_some());
}

#[tokio::test]
async fn keys_are_listed_page_by_page_of_one_account_or_of_all() {
    let store = Database::private().await.store;
    let mut made = BTreeSet::new();
    for account in [ACCOUNT, "000000000000", ACCOUNT, "210987654321", ACCOUNT] {
        let key = store.create_access_key(&new(account, Scope::Admin, None)).await.unwrap();
        made.insert((account.to_owned(), key.id));
    }
    let pages = async |account: Option<&str>| {
        let mut listed: Vec<(String, String)> = Vec::new();
        loop {
            let after = listed.last().map(|(account, id)| (account.as_str(), id.as_str()));
            let page = store.access_keys(account, after, 2).await.unwrap();
            if page.is_empty() {
                return listed;
            }
            assert!(page.iter().all(|key| key.note == "for a test" && key.created_at == at(0)));
            listed.extend(page.into_iter().map(|key| (key.account, key.id)));
        }
    };
    assert_eq!(pages(None).await, made.iter().cloned().collect::<Vec<_>>());
    let ours: Vec<_> = made.iter().filter(|(account, _)| account == ACCOUNT).cloned().collect();
    assert_eq!(pages(Some(ACCOUNT)).await, ours);
    // Listing tells no secret, and so needs no key.
    assert_eq!(pages(Some("999999999999")).await, []);
}

#[tokio::test]
async fn a_revoked_key_stays_revoked_and_an_unknown_one_is_told() {
    let store = Database::private().await.store;
    let key = store.create_access_key(&new(ACCOUNT, Scope::Admin, None)).await.unwrap();
    assert!(store.at(at(5)).revoke_access_key(&key.id).await.unwrap());
    assert!(store.at(at(9)).revoke_access_key(&key.id).await.unwrap());
    let found = store.access_key(&key.id).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(at(5)), "the first time counts");
    assert_eq!(store.access_keys(None, None, 9).await.unwrap()[0].revoked_at, Some(at(5)));
    assert!(!store.revoke_access_key("SWKAAAAAAAAAAAAAAAAA").await.unwrap());
}

#[tokio::test]
async fn there_are_keys_while_one_is_neither_revoked_nor_expired() {
    let store: Store = Database::private().await.store.at(at(10));
    assert!(!store.access_keys_there().await.unwrap().good);
    store.create_access_key(&new(ACCOUNT, Scope::Admin, Some(at(10)))).await.unwrap();
    assert!(!store.access_keys_there().await.unwrap().good, "it ends now");
    store.create_access_key(&new(ACCOUNT, Scope::Admin, Some(at(11)))).await.unwrap();
    assert!(store.access_keys_there().await.unwrap().good);
    assert!(!store.at(at(11)).access_keys_there().await.unwrap().good);
    let key = store.create_access_key(&new(ACCOUNT, Scope::Read, None)).await.unwrap();
    assert!(store.at(at(11)).access_keys_there().await.unwrap().good);
    store.revoke_access_key(&key.id).await.unwrap();
    assert!(!store.at(at(11)).access_keys_there().await.unwrap().good);
}

#[tokio::test]
async fn nodes_hear_that_a_key_was_made_or_revoked() {
    let store = Database::private().await.store;
    let mut hints = store.listen().await.unwrap();
    let key = store.create_access_key(&new(ACCOUNT, Scope::Admin, None)).await.unwrap();
    assert_eq!(hints.recv().await.unwrap(), Hint::AccessKeys);
    store.revoke_access_key("unknown").await.unwrap();
    store.revoke_access_key(&key.id).await.unwrap();
    assert_eq!(hints.recv().await.unwrap(), Hint::AccessKeys);
    // The unknown one was nobody's news.
    store.hint_functions().await.unwrap();
    assert_eq!(hints.recv().await.unwrap(), Hint::Functions);
}
