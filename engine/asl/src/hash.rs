//! The hashes that `States.Hash` and `$hash` know.

use sha2::{Sha256, Sha384, Sha512};

/// The hash of these bytes in hexadecimal digits, if there is such an algorithm.
pub(crate) fn hexadecimal(algorithm: &str, bytes: &[u8]) -> Option<String> {
    let digest: Vec<u8> = match algorithm {
        "MD5" => <md5::Md5 as md5::Digest>::digest(bytes).to_vec(),
        "SHA-1" => <sha1::Sha1 as sha1::Digest>::digest(bytes).to_vec(),
        "SHA-256" => <Sha256 as sha2::Digest>::digest(bytes).to_vec(),
        "SHA-384" => <Sha384 as sha2::Digest>::digest(bytes).to_vec(),
        "SHA-512" => <Sha512 as sha2::Digest>::digest(bytes).to_vec(),
        _ => return None,
    };
    let digits = b"0123456789abcdef";
    let hexadecimal = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Some(hexadecimal.map(|digit| char::from(digits[usize::from(digit)])).collect())
}
