//! The token of an entity: its id and a time, signed with its key (spec: relay.md 12.2).

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rmp::{Marker, encode};

use super::EntityId;
use crate::capability::PublicKey;
use crate::msgpack::{Malformed, Reader};

/// What the text of an entity token begins with.
pub(super) const PREFIX: &str = "ent_";

/// Bytes of a token's text; published tools write about 150.
const TOKEN_BYTES_MAX: usize = 1_024;

/// A token as it was read or made; nothing of it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityToken {
    /// Whose it says it is.
    pub id: EntityId,
    /// When it was signed, seconds since 1970-01-01 UTC.
    pub signed_at: u64,
    signature: [u8; 64],
}

/// Why a text is not an entity token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntityTokenError {
    /// It is not `ent_` and base64url of a sensible length.
    #[error("it is not 'ent_' and base64url without padding, in at most {TOKEN_BYTES_MAX} bytes")]
    BadText,
    /// The bytes are not the expected MessagePack.
    #[error("its MessagePack is wrong: {0}")]
    NotMessagePack(String),
    /// It names no entity.
    #[error("it names no entity")]
    BadId,
}

impl From<Malformed> for EntityTokenError {
    fn from(malformed: Malformed) -> EntityTokenError {
        EntityTokenError::NotMessagePack(malformed.to_string())
    }
}

impl EntityToken {
    /// A fresh token of whoever holds this key.
    pub fn sign(key: &SigningKey, signed_at: u64) -> EntityToken {
        let id = EntityId::of(&key.verifying_key().to_bytes());
        let signature = key.sign(&message(&id, signed_at)).to_bytes();
        EntityToken { id, signed_at, signature }
    }

    /// Reads a token's text; verifies nothing.
    ///
    /// # Errors
    /// It is not an entity token.
    pub fn parse(text: &str) -> Result<EntityToken, EntityTokenError> {
        let encoded = text.strip_prefix(PREFIX).filter(|_| text.len() <= TOKEN_BYTES_MAX);
        let encoded = encoded.ok_or(EntityTokenError::BadText)?;
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes());
        let bytes = bytes.map_err(|_| EntityTokenError::BadText)?;
        let mut reader = Reader::new(&bytes);
        let (id, signed_at, signature) = match reader.peek()? {
            Marker::FixMap(3) => members(&mut reader)?,
            _ if reader.array()? == 3 => (reader.text()?, reader.uint()?, reader.binary()?),
            _ => return Err(Malformed::Expected("array of three").into()),
        };
        reader.end()?;
        let id = id.parse().map_err(|_| EntityTokenError::BadId)?;
        Ok(EntityToken { id, signed_at, signature })
    }

    /// The token's text.
    pub fn to_text(&self) -> String {
        const INFALLIBLE: &str = "a Vec takes every byte";
        let mut out = Vec::new();
        encode::write_array_len(&mut out, 3).expect(INFALLIBLE);
        encode::write_str(&mut out, self.id.as_str()).expect(INFALLIBLE);
        encode::write_uint(&mut out, self.signed_at).expect(INFALLIBLE);
        encode::write_bin(&mut out, &self.signature).expect(INFALLIBLE);
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&out))
    }

    /// Whether it was signed with this key, and as it is.
    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let signature = Signature::from_bytes(&self.signature);
        let message = message(&self.id, self.signed_at);
        VerifyingKey::from_bytes(key)
            .is_ok_and(|key| key.verify_strict(&message, &signature).is_ok())
    }
}

/// The three members of the map that some tools write, in any order.
fn members<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, u64, [u8; 64]), EntityTokenError> {
    let (mut id, mut signed_at, mut signature) = (None, None, None);
    for _ in 0..reader.map()? {
        match reader.text()? {
            "entity_id" => id = Some(reader.text()?),
            "timestamp" => signed_at = Some(reader.uint()?),
            "signature" => signature = Some(reader.binary()?),
            _ => reader.skip()?,
        }
    }
    let missing = Malformed::Expected("map of entity_id, timestamp and signature");
    match (id, signed_at, signature) {
        (Some(id), Some(signed_at), Some(signature)) => Ok((id, signed_at, signature)),
        _ => Err(missing.into()),
    }
}

fn message(id: &EntityId, signed_at: u64) -> Vec<u8> {
    [id.as_str().as_bytes(), &signed_at.to_be_bytes()].concat()
}
