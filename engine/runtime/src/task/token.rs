//! Task tokens: whoever holds one may end its task, and nobody can make one up.
//!
//! A token is the execution and the task, sealed with a secret that the nodes of a database
//! share. It tells its holder nothing, is the same whenever it is made, so that a call that is
//! repeated after a crash carries the same one, and needs no table.

use aes_gcm_siv::aead::{Aead, KeyInit, OsRng};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use machine::Tokens;
use store::Store;
use uuid::Uuid;

use crate::post::mail::Key;

/// What the secret is called in the store.
const SECRET: &str = "task tokens";
/// Shard, execution, task and account.
const BYTES: usize = 2 + 16 + 8 + 8;
/// What comes before the sealed bytes. Every token begins with a letter by it: one that began with
/// `-` would be an option to the AWS CLI.
const FIRST: [u8; 1] = [0];
/// Longest text that is looked at; AWS takes tokens of up to 2,048 characters.
const MOST_CHARS: usize = 2_048;

/// Makes and opens the tokens of all executions.
#[derive(Clone)]
pub(crate) struct Seal(Aes256GcmSiv);

impl Seal {
    /// The seal of this database; the first node makes its secret.
    pub(crate) async fn of(store: &Store) -> Result<Self, store::Error> {
        let fresh = Aes256GcmSiv::generate_key(OsRng);
        let secret = store.secret(SECRET, &fresh).await?;
        Ok(Self::new(&secret))
    }

    fn new(secret: &[u8]) -> Self {
        let cipher = Aes256GcmSiv::new_from_slice(secret);
        Self(cipher.expect("the secret is as long as the key that was generated for it"))
    }

    /// A seal of no database.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        Self::new(&[7; 32])
    }

    /// The token of a task; the account is a part of it, so that it is of use there alone.
    pub(crate) fn token(&self, key: Key, task: u64, account: &str) -> String {
        let mut plain = [0; BYTES];
        plain[..2].copy_from_slice(&key.shard.to_be_bytes());
        plain[2..18].copy_from_slice(key.id.as_bytes());
        plain[18..26].copy_from_slice(&task.to_be_bytes());
        plain[26..].copy_from_slice(&number(account).to_be_bytes());
        // Without a nonce this cipher only tells equal tokens from others, as it should.
        let sealed = self.0.encrypt(&Nonce::default(), plain.as_slice());
        let sealed = sealed.expect("a few bytes can always be sealed");
        URL_SAFE_NO_PAD.encode([&FIRST, sealed.as_slice()].concat())
    }

    /// Which task this is the token of; `None` if it is none of ours, or not of this account.
    pub(crate) fn open(&self, token: &str, account: Option<&str>) -> Option<(Key, u64)> {
        if token.len() > MOST_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let sealed = bytes.strip_prefix(&FIRST)?;
        let plain = self.0.decrypt(&Nonce::default(), sealed).ok()?;
        let (shard, rest) = plain.split_first_chunk::<2>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (task, rest) = rest.split_first_chunk::<8>()?;
        let of = u64::from_be_bytes(rest.try_into().ok()?);
        let key = Key { shard: i16::from_be_bytes(*shard), id: Uuid::from_bytes(*id) };
        account
            .is_none_or(|account| number(account) == of)
            .then_some((key, u64::from_be_bytes(*task)))
    }
}

/// An account, which is twelve digits, as a number.
fn number(account: &str) -> u64 {
    account.parse().unwrap_or_default()
}

/// The tokens of one execution.
pub(crate) struct TokensOf<'a> {
    pub(crate) seal: &'a Seal,
    pub(crate) key: Key,
    pub(crate) account: &'a str,
}

impl Tokens for TokensOf<'_> {
    fn token(&self, task: u64) -> String {
        self.seal.token(self.key, task, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::Seal;
    use crate::post::mail::Key;
    use uuid::Uuid;

    #[test]
    fn a_token_names_its_task_to_us_and_nothing_to_others() {
        let (ours, theirs) = (Seal::new(&[1; 32]), Seal::new(&[2; 32]));
        let key = Key { shard: 255, id: Uuid::from_u128(7) };
        let account = "123456789012";
        let token = ours.token(key, 3, account);
        assert_eq!(ours.open(&token, Some(account)), Some((key, 3)));
        assert_eq!(token, ours.token(key, 3, account), "a repeated call carries the same token");
        assert_ne!(token, ours.token(key, 4, account), "another attempt has another");
        assert_eq!(theirs.open(&token, None), None);
        assert_eq!(
            ours.open(&token, Some("210987654321")),
            None,
            "it is of use in its account alone"
        );
        for task in 0..500 {
            let token = ours.token(key, task, account);
            assert!(token.starts_with(|first: char| first.is_ascii_alphabetic()), "{token}");
        }
        for end in 0..token.len() {
            let mut forged = token.clone();
            let other = if forged.as_bytes()[end] == b'A' { "B" } else { "A" };
            forged.replace_range(end..=end, other);
            assert_eq!(ours.open(&forged, None), None, "{forged}");
        }
        assert_eq!(ours.open("", None), None);
        assert_eq!(ours.open(&"A".repeat(3_000), None), None);
    }
}
