//! Trust anchors: the keys whose root capability tokens are accepted, and the files they come in
//! (spec: relay.md 11.7).

use data_encoding::HEXLOWER_PERMISSIVE;
use ed25519_dalek::pkcs8::DecodePublicKey as _;
use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::capability::PublicKey;

/// What stands before the key in a `did:key` of Ed25519.
const ED25519_MULTICODEC: [u8; 2] = [0xED, 0x01];

/// Public keys that are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustAnchors(Vec<PublicKey>);

/// An anchor's file, as it was found.
#[derive(Debug, Clone, Copy)]
pub struct AnchorFile<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is in it.
    pub content: &'a [u8],
    /// Whether its mode keeps everybody but its owner from reading and writing it.
    pub is_private: bool,
}

/// What an anchor's file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadAnchor {
    /// The keys to trust; hexadecimal may be meant in two ways.
    pub anchors: TrustAnchors,
    /// The file may hold a signing key, which does not belong on a relay.
    pub may_be_seed: bool,
}

/// Why a file is not a trust anchor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// Its content has no known form.
    #[error(
        "it is no Ed25519 public key: give did:key:z..., a PEM public key, 64 hexadecimal digits \
         or 32 raw bytes"
    )]
    UnknownForm,
    /// A private key in PEM.
    #[error("it holds a private key, which does not belong on a relay: give the public key")]
    PrivateKey,
    /// 32 bytes that are not a public key.
    #[error("its 32 bytes are not an Ed25519 public key")]
    NotAKey,
    /// Hexadecimal that can only be a seed, in a file that may not hold one.
    #[error(
        "its 64 hexadecimal digits are not an Ed25519 public key; if they are a private seed, give \
         the public key instead, or chmod 600 the file and let its name not end in .pub"
    )]
    ForbiddenSeed,
}

impl TrustAnchors {
    /// Reads an anchor's file.
    ///
    /// # Errors
    /// It does not hold a public key in a known form.
    pub fn read(file: AnchorFile<'_>) -> Result<ReadAnchor, AnchorError> {
        if let Ok(raw) = PublicKey::try_from(file.content) {
            return public(raw).ok_or(AnchorError::NotAKey).map(ReadAnchor::certain);
        }
        let text = std::str::from_utf8(file.content).map_err(|_| AnchorError::UnknownForm)?.trim();
        if let Some(encoded) = text.strip_prefix("did:key:z") {
            return did_key(encoded).ok_or(AnchorError::UnknownForm).map(ReadAnchor::certain);
        }
        if text.starts_with("-----BEGIN") {
            return pem(text).map(ReadAnchor::certain);
        }
        hexadecimal(text, file)
    }

    /// Trusts these keys as well.
    pub fn extend(&mut self, others: &TrustAnchors) {
        for key in &others.0 {
            if !self.contains(key) {
                self.0.push(*key);
            }
        }
    }

    /// Whether this key is trusted.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.0.contains(key)
    }

    /// The keys, in the order they came.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &PublicKey> {
        self.0.iter()
    }
}

impl FromIterator<PublicKey> for TrustAnchors {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> TrustAnchors {
        TrustAnchors(keys.into_iter().collect())
    }
}

impl ReadAnchor {
    fn certain(key: PublicKey) -> ReadAnchor {
        ReadAnchor { anchors: TrustAnchors(vec![key]), may_be_seed: false }
    }
}

/// Whether these bytes are an Ed25519 public key that only one signature fits per message.
pub fn is_public_key(bytes: &PublicKey) -> bool {
    public(*bytes).is_some()
}

/// The key if it is one that can be trusted.
fn public(key: PublicKey) -> Option<PublicKey> {
    VerifyingKey::from_bytes(&key).ok().filter(|key| !key.is_weak()).map(|key| key.to_bytes())
}

fn did_key(encoded: &str) -> Option<PublicKey> {
    let mut bytes = [0; 34];
    let length = bs58::decode(encoded).onto(&mut bytes).ok()?;
    let key = bytes[..length].strip_prefix(&ED25519_MULTICODEC)?;
    public(key.try_into().ok()?)
}

fn pem(text: &str) -> Result<PublicKey, AnchorError> {
    if text.contains("PRIVATE KEY") {
        return Err(AnchorError::PrivateKey);
    }
    let key = VerifyingKey::from_public_key_pem(text).map_err(|_| AnchorError::UnknownForm)?;
    public(key.to_bytes()).ok_or(AnchorError::NotAKey)
}

/// Hexadecimal is a public key if it can be one. Taking it for a seed as well would let whoever
/// knows a public key sign; so that is done only for a file that is kept like a secret.
fn hexadecimal(text: &str, file: AnchorFile<'_>) -> Result<ReadAnchor, AnchorError> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    let bytes: PublicKey =
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(AnchorError::UnknownForm)?;
    let mut anchors = TrustAnchors(public(bytes).into_iter().collect());
    let may_be_seed = file.is_private && !file.name.ends_with(".pub");
    if may_be_seed {
        let derived = SigningKey::from_bytes(&bytes).verifying_key().to_bytes();
        anchors.extend(&TrustAnchors(vec![derived]));
    }
    if anchors.0.is_empty() {
        return Err(AnchorError::ForbiddenSeed);
    }
    Ok(ReadAnchor { anchors, may_be_seed })
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER};

    use super::*;

    fn read(name: &str, content: &[u8], is_private: bool) -> Result<ReadAnchor, AnchorError> {
        TrustAnchors::read(AnchorFile { name, content, is_private })
    }

    fn key() -> PublicKey {
        let seed: [u8; 32] = std::array::from_fn(|index| index as u8);
        SigningKey::from_bytes(&seed).verifying_key().to_bytes()
    }

    fn only(key: PublicKey) -> Result<ReadAnchor, AnchorError> {
        Ok(ReadAnchor::certain(key))
    }

    #[test]
    fn a_public_key_is_read_in_every_form() {
        let did = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd\n";
        let spki = [&HEXLOWER.decode(b"302a300506032b6570032100").unwrap()[..], &key()].concat();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            BASE64.encode(&spki)
        );
        assert_eq!(read("did", did.as_bytes(), false), only(key()));
        assert_eq!(read("pem", pem.as_bytes(), false), only(key()));
        assert_eq!(read("raw", &key(), false), only(key()));
        let hex = HEXLOWER.encode(&key());
        assert_eq!(read("hex", format!("{hex}\n").as_bytes(), false), only(key()));
        assert_eq!(read("hex.pub", hex.to_uppercase().as_bytes(), true), only(key()));
    }

    #[test]
    fn a_public_key_that_others_may_read_is_never_taken_for_a_seed() {
        let hex = HEXLOWER.encode(&key());
        let derived = SigningKey::from_bytes(&key()).verifying_key().to_bytes();
        for (name, is_private) in [("root", false), ("root.pub", true), ("root.pub", false)] {
            let anchors = read(name, hex.as_bytes(), is_private).unwrap().anchors;
            assert!(!anchors.contains(&derived), "{name} {is_private}");
        }
    }

    #[test]
    fn a_seed_in_a_private_file_is_accepted_and_reported() {
        let seed = HEXLOWER.encode(&[1; 32]);
        let read = read("root.key", seed.as_bytes(), true).unwrap();
        assert!(read.may_be_seed);
        let expected = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
        assert!(read.anchors.contains(&expected));
    }

    #[test]
    fn what_is_no_key_is_refused_with_advice() {
        let seed_that_is_no_point = HEXLOWER.encode(&[2; 32]);
        assert_eq!(
            read("root", seed_that_is_no_point.as_bytes(), false),
            Err(AnchorError::ForbiddenSeed)
        );
        let private = "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----";
        assert_eq!(read("pem", private.as_bytes(), true), Err(AnchorError::PrivateKey));
        for junk in ["", "did:key:zQ3sh", "did:key:z", "hello", "8a88", "-----BEGIN X-----"] {
            assert_eq!(read("x", junk.as_bytes(), true), Err(AnchorError::UnknownForm), "{junk}");
        }
        assert_eq!(read("identity", &identity(), false), Err(AnchorError::NotAKey));
    }

    /// A point that every signature fits.
    fn identity() -> PublicKey {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    }
}
