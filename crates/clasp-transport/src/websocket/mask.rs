//! Removal of the mask that every frame of a client carries.

/// Applies `key` to `payload` in place, eight bytes at a time.
pub(super) fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide_key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide_key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_unmasked_byte_by_byte() {
        let key = [0x12, 0x00, 0xff, 0xa5];
        for length in 0..70 {
            let plain: Vec<u8> = (0..length).map(|i| i as u8 ^ 0x5a).collect();
            let mut bytes: Vec<u8> =
                plain.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            unmask(&mut bytes, key);
            assert_eq!(bytes, plain, "length {length}");
        }
    }
}
