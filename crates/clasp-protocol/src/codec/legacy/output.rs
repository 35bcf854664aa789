//! Appends MessagePack items; integers in their smallest form, floats with 64 bits.

use rmp::encode::{self, ByteBuf};

use crate::limits::DECODE_DEPTH_MAX;

/// The payload written so far. Writing to memory cannot fail.
pub(super) struct Output {
    buffer: ByteBuf,
    /// Levels that a decoder accepts in the values of the message that is being written.
    pub(super) depth_max: usize,
    /// Some value has more; what was written is of no use.
    pub(super) too_deep: bool,
}

impl Output {
    pub(super) fn new(bytes: Vec<u8>) -> Output {
        let buffer = ByteBuf::from_vec(bytes);
        Output { buffer, depth_max: DECODE_DEPTH_MAX, too_deep: false }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.buffer.into_vec()
    }

    pub(super) fn nil(&mut self) {
        let Ok(()) = encode::write_nil(&mut self.buffer);
    }

    pub(super) fn bool(&mut self, truth: bool) {
        let Ok(()) = encode::write_bool(&mut self.buffer, truth);
    }

    pub(super) fn int(&mut self, int: i64) {
        let Ok(_) = encode::write_sint(&mut self.buffer, int);
    }

    pub(super) fn uint(&mut self, int: u64) {
        let Ok(_) = encode::write_uint(&mut self.buffer, int);
    }

    pub(super) fn float(&mut self, float: f64) {
        let Ok(()) = encode::write_f64(&mut self.buffer, float);
    }

    pub(super) fn str(&mut self, text: &str) {
        let Ok(()) = encode::write_str(&mut self.buffer, text);
    }

    pub(super) fn array_len(&mut self, count: usize) {
        let Ok(_) = encode::write_array_len(&mut self.buffer, length(count));
    }

    pub(super) fn map_len(&mut self, count: usize) {
        let Ok(_) = encode::write_map_len(&mut self.buffer, length(count));
    }

    /// An array whose items `write` appends.
    pub(super) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Output, &T)) {
        self.array_len(items.len());
        items.iter().for_each(|item| write(self, item));
    }

    /// A map of at most 15 named fields, begun empty.
    pub(super) fn begin(&mut self) -> Map<'_> {
        let at = self.buffer.as_vec().len();
        self.map_len(0);
        Map { output: self, at }
    }
}

/// MessagePack counts have 32 bits; nothing in memory here comes near.
fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A map under construction; its count grows with every field.
pub(super) struct Map<'o> {
    output: &'o mut Output,
    at: usize,
}

impl Map<'_> {
    /// Begins a field; the caller appends its value.
    pub(super) fn key(&mut self, name: &str) -> &mut Output {
        if let Some(head) = self.output.buffer.as_mut_vec().get_mut(self.at) {
            *head += 1;
        }
        self.output.str(name);
        self.output
    }

    pub(super) fn str(&mut self, name: &str, text: &str) {
        self.key(name).str(text);
    }

    pub(super) fn uint(&mut self, name: &str, int: impl Into<u64>) {
        self.key(name).uint(int.into());
    }

    pub(super) fn bool(&mut self, name: &str, truth: bool) {
        self.key(name).bool(truth);
    }

    /// A text that is left out if absent.
    pub(super) fn maybe_str(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.str(name, text);
        }
    }

    /// An integer that is left out if absent.
    pub(super) fn maybe_uint(&mut self, name: &str, int: Option<impl Into<u64>>) {
        if let Some(int) = int {
            self.uint(name, int);
        }
    }
}
