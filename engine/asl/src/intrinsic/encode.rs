//! `States.Base64Encode`, `States.Base64Decode` and `States.Hash`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde_json::Value;

use super::Failure;
use super::arguments::Arguments;
use crate::hash;
use crate::java;

pub(super) fn base64_encode(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let [text] = arguments.exactly()?;
    let text = arguments.short_text(text)?;
    arguments.budget.build(text.len().div_ceil(3) * 4 + 2)?;
    Ok(STANDARD.encode(text).into())
}

/// As lenient as AWS: what is not of the alphabet is skipped, what follows the padding ignored.
pub(super) fn base64_decode(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let [text] = arguments.exactly()?;
    let text = arguments.short_text(text)?;
    arguments.budget.build(text.len() + 2)?;
    let mut digits: Vec<u8> = text
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(byte),
            _ => byte.is_ascii_alphanumeric().then_some(byte),
        })
        .collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    let bytes = LENIENT.decode(digits).map_err(|_| arguments.invalid())?;
    Ok(String::from_utf8_lossy(&bytes).into())
}

/// In hexadecimal digits, of a text or of what Java prints of another value.
pub(super) fn hash(arguments: &Arguments<'_>) -> Result<Value, Failure> {
    let [data, algorithm] = arguments.exactly()?;
    if data.is_null() {
        return Err(arguments.invalid());
    }
    arguments.budget.weigh(data)?;
    let text = java::Text(data).to_string();
    arguments.short(&text)?;
    // A hash is about as much work as reading 2,000 bytes, and more for each byte hashed.
    arguments.budget.work((text.len() / 8 + 32) as u64)?;
    arguments.budget.build(130)?;
    let algorithm = arguments.text(algorithm)?;
    let hash = hash::hexadecimal(algorithm, text.as_bytes());
    hash.map(Value::String).ok_or_else(|| arguments.invalid())
}
