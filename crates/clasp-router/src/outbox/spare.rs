//! Buffers between two uses: an idle session owns none, a busy one need not grow one anew.

use std::cell::RefCell;

/// Capacity that a thread keeps in all.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Buffers that a thread keeps.
const KEPT_MAX: usize = 1_024;

#[derive(Default)]
struct Spares {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

thread_local! {
    static SPARES: RefCell<Spares> = RefCell::default();
}

/// An empty buffer, with capacity if there is one to spare.
pub(super) fn get() -> Vec<u8> {
    let spare = SPARES.try_with(|spares| {
        let mut spares = spares.borrow_mut();
        let buffer = spares.buffers.pop()?;
        spares.bytes -= buffer.capacity();
        Some(buffer)
    });
    spare.ok().flatten().unwrap_or_default()
}

/// Takes a buffer that is not needed now.
pub(super) fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 {
        return;
    }
    buffer.clear();
    // The thread may be ending; then the buffer is simply dropped.
    let _ = SPARES.try_with(|spares| {
        let mut spares = spares.borrow_mut();
        let bytes = spares.bytes + buffer.capacity();
        if bytes <= KEPT_BYTES_MAX && spares.buffers.len() < KEPT_MAX {
            spares.bytes = bytes;
            spares.buffers.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_with_its_capacity() {
        give(vec![1; 1_000]);
        let buffer = get();
        assert!(buffer.is_empty() && buffer.capacity() >= 1_000);
        assert_eq!(get().capacity(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        for _ in 0..10 {
            give(Vec::with_capacity(1 << 20));
        }
        let kept = std::iter::repeat_with(get).take_while(|buffer| buffer.capacity() > 0).count();
        assert_eq!(kept, 4);
    }
}
