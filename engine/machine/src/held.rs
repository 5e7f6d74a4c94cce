//! How much of its payloads an execution holds in memory.

use std::collections::HashMap;

use asl::Payload;

/// Shorter texts are counted as often as they are held: looking them up costs more than they do.
const LONG: usize = 1024;

/// The bytes of the payloads that the frames of one execution hold, a shared text once.
///
/// No part of what an execution is: what shares a text in memory may have one each after the log is
/// read again. So nothing that a fold must find may follow from it but by an event: that a Map starts
/// fewer iterations at once is lawful whenever it is decided (`MaxConcurrency` is an upper bound), and
/// the limit that fails a state is far from the one that slows it down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// How often each long text is held, by its address.
    texts: HashMap<usize, u32>,
    bytes: usize,
}

impl PartialEq for Held {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Held {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Something that is no text takes so many bytes more.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// It takes so many bytes less.
    pub(crate) fn subtract(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// A payload comes.
    pub(crate) fn hold(&mut self, payload: &Payload) {
        let bytes = payload.size_bytes();
        if bytes < LONG {
            return self.add(bytes);
        }
        let times = self.texts.entry(payload.address()).or_default();
        *times += 1;
        if *times == 1 {
            self.add(bytes);
        }
    }

    /// A payload goes.
    pub(crate) fn release(&mut self, payload: &Payload) {
        let bytes = payload.size_bytes();
        if bytes < LONG {
            return self.subtract(bytes);
        }
        let Some(times) = self.texts.get_mut(&payload.address()) else { return };
        *times -= 1;
        if *times == 0 {
            self.texts.remove(&payload.address());
            self.subtract(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use asl::Payload;

    use super::Held;

    #[test]
    fn a_shared_text_counts_once() {
        let long = Payload::from_text(format!("\"{}\"", "x".repeat(5_000))).unwrap();
        let mut held = Held::default();
        held.hold(&long);
        held.hold(&long.at_rest());
        assert_eq!(held.bytes(), 5_002);
        held.hold(&Payload::from_text(long.raw()).unwrap());
        assert_eq!(held.bytes(), 10_004, "the same words in another place");
        held.release(&long);
        assert_eq!(held.bytes(), 10_004, "it is still held");
        held.release(&long);
        assert_eq!(held.bytes(), 5_002);
    }
}
