//! Secrets at rest: sealed with keys that are not in the database.
//!
//! A sealed value says with which key it was sealed, and is bound to what it is for: moved to
//! another row it does not open. The first key seals and all open, so that a key can be changed
//! while nodes run: give every node the new one as its second, then as its first, then
//! [`Store::reseal`], then take the old one away. Table `sealing_keys` has a row for each key that
//! is in use, which the database itself sees to: whatever is sealed refers to its key's row.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aes_gcm_siv::aead::{Aead, KeyInit, OsRng, Payload, rand_core::RngCore};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

mod in_use;
mod plain;
mod reseal;

#[cfg(test)]
mod tests;

pub use reseal::Resealed;

/// The first byte of what this release seals.
const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;
/// Version and key id: what is read before anything can be opened.
const HEAD_BYTES: usize = 1 + ID_BYTES;
/// Most keys that are taken: a change of keys needs two.
const MOST_KEYS: usize = 16;

/// The keys of a node: the first seals, all open. There is always one.
#[derive(Clone)]
pub struct SealingKeys(Arc<[SealingKey]>);

struct SealingKey {
    id: [u8; ID_BYTES],
    /// The same as a text, as the database has it.
    name: String,
    cipher: Aes256GcmSiv,
}

/// What a secret is for: the row it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose<'a> {
    pub(crate) table: &'static str,
    /// Empty where the row belongs to none.
    pub(crate) account: &'a str,
    pub(crate) name: &'a str,
}

/// A sealed value, as a row keeps it.
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    /// The key's id.
    pub(crate) by: String,
    /// What shows that whoever names this key has it.
    pub(crate) proof: Vec<u8>,
}

/// Why something sealed is of no use.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealingError {
    /// The store was given no keys.
    #[error("no sealing key is given")]
    NoKey,
    /// The database has secrets that none of the keys given opens.
    #[error(
        "the database's secrets are sealed with the key `{needed}`, which is not given: given is \
         `{given}`"
    )]
    KeyNotGiven {
        /// The ids of the keys that are missing.
        needed: String,
        /// The ids of those that are there.
        given: String,
    },
    /// It was changed, or belongs elsewhere.
    #[error(
        "the secret of `{name}` in table `{table}` cannot be opened: it was changed, or belongs \
         to another row"
    )]
    Unreadable {
        /// The table of its row.
        table: &'static str,
        /// The name of its row.
        name: String,
    },
    /// An earlier release stored secrets plain, and they still are.
    #[error("secrets of an earlier release are not sealed yet: run `statewright migrate`")]
    StillPlain,
    /// Somebody goes on sealing with keys that were to be replaced.
    #[error(
        "secrets are still being sealed with the key `{0}`: every node is to have the new key \
         first in its list"
    )]
    StillInUse(String),
}

/// Why a text gives no sealing keys. It never shows the text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealingKeyError {
    /// Nothing but blanks and comments.
    #[error("there is no sealing key in it")]
    Empty,
    /// One of them is none.
    #[error(
        "sealing key {0} is not one: expected 32 random bytes as base64 (44 characters) or as 64 \
         hexadecimal digits"
    )]
    NotAKey(usize),
    /// One is there twice.
    #[error("sealing key {0} is the same as an earlier one")]
    Twice(usize),
    /// More than anybody needs.
    #[error("there are more than {MOST_KEYS} sealing keys in it")]
    TooMany,
}

impl SealingKeys {
    /// One new random key, which is gone with the process: for a database that is, too.
    pub fn random() -> Self {
        let key = Aes256GcmSiv::generate_key(OsRng);
        Self(Arc::new([SealingKey::new(&key.into())]))
    }

    /// A new random key as the text that [`SealingKeys::from_str`] reads.
    pub fn generate() -> crate::Secret {
        STANDARD.encode(Aes256GcmSiv::generate_key(OsRng)).into()
    }

    /// The ids of the keys, which are no secret, the first key's first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.name.as_str())
    }

    /// The id of the key that seals.
    pub(crate) fn first(&self) -> &str {
        &self.0[0].name
    }

    /// Seals with the first key.
    pub(crate) fn seal(&self, purpose: Purpose<'_>, plain: &[u8]) -> Sealed {
        let key = &self.0[0];
        let proof = key.seal(proof_of(&key.name), PROOF);
        Sealed { bytes: key.seal(purpose, plain), by: key.name.clone(), proof }
    }

    /// Opens what one of the keys has sealed for this purpose.
    pub(crate) fn open(
        &self,
        purpose: Purpose<'_>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, SealingError> {
        let unreadable =
            || SealingError::Unreadable { table: purpose.table, name: purpose.name.to_owned() };
        let (head, rest) = sealed.split_first_chunk::<HEAD_BYTES>().ok_or_else(unreadable)?;
        let (version, id) = head.split_first().ok_or_else(unreadable)?;
        if *version != VERSION {
            return Err(unreadable());
        }
        let key = self.0.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| self.lack(&hexadecimal(id)))?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(unreadable)?;
        let bound = bound_to(head, purpose);
        key.cipher
            .decrypt(&Nonce::from(*nonce), Payload { msg: text, aad: &bound })
            .map_err(|_| unreadable())
    }

    fn lack(&self, needed: &str) -> SealingError {
        let given: Vec<&str> = self.ids().collect();
        SealingError::KeyNotGiven { needed: needed.to_owned(), given: given.join("`, `") }
    }
}

/// What every key seals to show that it is the one.
const PROOF: &[u8] = b"statewright";

/// What the proof of a key is for.
fn proof_of(id: &str) -> Purpose<'_> {
    Purpose { table: "sealing_keys", account: "", name: id }
}

impl SealingKey {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        let hash =
            Sha256::new().chain_update("statewright sealing key").chain_update(key).finalize();
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&hash[..ID_BYTES]);
        Self { id, name: hexadecimal(&id), cipher: Aes256GcmSiv::new(key.into()) }
    }

    fn seal(&self, purpose: Purpose<'_>, plain: &[u8]) -> Vec<u8> {
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&self.id);
        let bound = bound_to(&sealed, purpose);
        let mut nonce = [0; NONCE_BYTES];
        OsRng.fill_bytes(&mut nonce);
        let text = self.cipher.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &bound });
        sealed.extend_from_slice(&nonce);
        sealed.extend(text.expect("a few kilobytes can always be sealed"));
        sealed
    }
}

/// What is authenticated with a sealed value: its head, and whose it is. Each part has its length
/// before it, so that no two purposes give the same bytes.
fn bound_to(head: &[u8], purpose: Purpose<'_>) -> Vec<u8> {
    let mut bound = head.to_vec();
    for part in [purpose.table, purpose.account, purpose.name] {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part.as_bytes());
    }
    bound
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte is a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl FromStr for SealingKeys {
    type Err = SealingKeyError;

    /// One key on a line or between commas, as base64 or hexadecimal digits; `#` begins a comment.
    fn from_str(text: &str) -> Result<Self, SealingKeyError> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words = lines.flat_map(|line| line.split(',')).map(str::trim);
        let mut keys: Vec<SealingKey> = Vec::new();
        for (at, word) in words.filter(|word| !word.is_empty()).enumerate() {
            if at == MOST_KEYS {
                return Err(SealingKeyError::TooMany);
            }
            let key = bytes_of(word).ok_or(SealingKeyError::NotAKey(at + 1))?;
            let key = SealingKey::new(&key);
            if keys.iter().any(|known| known.id == key.id) {
                return Err(SealingKeyError::Twice(at + 1));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(SealingKeyError::Empty);
        }
        Ok(Self(keys.into()))
    }
}

fn bytes_of(word: &str) -> Option<[u8; KEY_BYTES]> {
    if word.len() == 2 * KEY_BYTES {
        return from_hexadecimal(word);
    }
    let word = word.trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(word).or_else(|_| URL_SAFE_NO_PAD.decode(word)).ok()?;
    bytes.try_into().ok()
}

fn from_hexadecimal(word: &str) -> Option<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    for (byte, digits) in bytes.iter_mut().zip(word.as_bytes().chunks(2)) {
        let [high, low] = digits else { return None };
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

impl fmt::Debug for SealingKeys {
    /// Shows which keys they are, and nothing of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SealingKeys").field(&self.ids().collect::<Vec<_>>()).finish()
    }
}
