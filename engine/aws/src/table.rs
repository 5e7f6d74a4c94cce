//! The file of all services: an index, and for each service a frame of its own.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;
use std::sync::OnceLock;

use ruzstd::decoding::StreamingDecoder;
use serde::Deserialize;

use crate::decode;
use crate::operation::Service;

/// What every file begins with.
const MAGIC: &[u8; 4] = b"AWS1";

/// No service has more text, in bytes; what says that it has is not unpacked.
const MOST_TEXT: usize = 4 * 1024 * 1024;

/// The services of one file.
#[derive(Debug, Default)]
pub struct Table {
    bytes: Cow<'static, [u8]>,
    /// Sorted by name.
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    text_bytes: usize,
    frame: Range<usize>,
    /// What was found in the frame; `None` if it is broken.
    service: OnceLock<Option<Service>>,
}

/// A file that is no table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Broken;

/// The part of the index that is used; the rest is for calls.
#[derive(Deserialize)]
struct Index {
    /// Name, bytes of the text, bytes of the frame; in the order of the frames.
    services: Vec<(String, usize, usize)>,
}

impl Table {
    /// Reads the index. No service is unpacked yet.
    pub fn read(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, Broken> {
        let bytes = bytes.into();
        let (length, rest) = bytes
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.split_first_chunk::<4>())
            .ok_or(Broken)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Broken)?;
        let index = rest.get(..length).ok_or(Broken)?;
        let index: Index = serde_json::from_slice(index).map_err(|_| Broken)?;
        let mut begin = bytes.len() - rest.len() + length;
        let mut entries = Vec::with_capacity(index.services.len());
        for (name, text_bytes, frame_bytes) in index.services {
            let end = begin.checked_add(frame_bytes).filter(|end| *end <= bytes.len());
            let frame = begin..end.ok_or(Broken)?;
            begin = frame.end;
            entries.push(Entry { name, text_bytes, frame, service: OnceLock::new() });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { bytes, entries })
    }

    /// The service with this name; unpacked when it is first asked for.
    pub fn service(&self, name: &str) -> Option<&Service> {
        let index = self.entries.binary_search_by(|entry| (*entry.name).cmp(name)).ok()?;
        let entry = &self.entries[index];
        entry.service.get_or_init(|| self.unpack(entry)).as_ref()
    }

    /// The names of all services, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.name)
    }

    fn unpack(&self, entry: &Entry) -> Option<Service> {
        if entry.text_bytes > MOST_TEXT {
            return None;
        }
        let decoder = StreamingDecoder::new(self.bytes.get(entry.frame.clone())?).ok()?;
        let mut text = Vec::with_capacity(entry.text_bytes);
        // One byte more than there should be shows a frame that is too long.
        decoder.take(entry.text_bytes as u64 + 1).read_to_end(&mut text).ok()?;
        if text.len() != entry.text_bytes {
            return None;
        }
        decode::service(&serde_json::from_slice(&text).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::{Broken, Table};

    static BYTES: &[u8] = include_bytes!("../aws.bin");

    #[test]
    fn every_service_of_ours_can_be_unpacked() {
        let table = Table::read(BYTES).unwrap();
        let unknown: Vec<&str> =
            table.names().filter(|name| table.service(name).is_none()).collect();
        assert_eq!(unknown, Vec::<&str>::new());
        let operations: usize = table
            .names()
            .filter_map(|name| table.service(name))
            .map(|it| it.operations().len())
            .sum();
        assert!(table.names().count() > 450, "{}", table.names().count());
        assert!(operations > 20_000, "{operations}");
    }

    #[test]
    fn a_file_that_is_no_table_is_refused() {
        assert_eq!(Table::read(&b""[..]).unwrap_err(), Broken);
        assert_eq!(Table::read(&b"AWS2\x02\0\0\0{}"[..]).unwrap_err(), Broken);
        assert_eq!(Table::read(&b"AWS1\xff\xff\xff\xff{}"[..]).unwrap_err(), Broken);
        let beyond = br#"AWS1\x1b\0\0\0{"services":[["a",9,9]]}xx"#;
        assert_eq!(Table::read(&beyond[..]).unwrap_err(), Broken);
        assert_eq!(Table::read(&BYTES[..BYTES.len() - 1]).unwrap_err(), Broken);
    }

    #[test]
    fn a_damaged_frame_is_a_service_that_is_not_known_or_is_another() {
        // A generator of numbers that gives the same ones each time (Knuth's MMIX).
        let mut state = 7_u64;
        let mut number = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap()
        };
        let whole = Table::read(BYTES).unwrap();
        let entry = &whole.entries
            [whole.entries.binary_search_by(|it| it.name.as_str().cmp("sqs")).unwrap()];
        for _ in 0..500 {
            let mut bytes = BYTES.to_vec();
            for _ in 0..=number() % 3 {
                bytes[entry.frame.start + number() % entry.frame.len()] ^= 1 << (number() % 8);
            }
            let table = Table::read(bytes).unwrap();
            if let Some(service) = table.service("sqs") {
                // Whatever it is, it can be walked through.
                crate::shape::tests::walk(service);
            }
        }
    }
}
