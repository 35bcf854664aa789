//! From text to [`Capability`], strictly: no member twice, nothing left over, every list counted
//! (spec: relay.md 11.2).

use data_encoding::BASE64URL_NOPAD;

use super::limits::{CHAIN_LINKS_MAX, NONCE_BYTES_MAX, SCOPES_MAX, TOKEN_BYTES_MAX};
use super::{Capability, Link, LinkTerms, PREFIX, Proof, PublicKey, Signature};
use crate::msgpack::{Malformed, Reader};

/// Why a text is not a capability token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    /// It begins with something else than `cap_`.
    #[error("it does not begin with 'cap_'")]
    NoPrefix,
    /// It is too long.
    #[error("it has {0} bytes, {TOKEN_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// What follows the prefix is not base64url without padding.
    #[error("it is not base64url without padding")]
    NotBase64,
    /// The bytes are not the expected MessagePack.
    #[error("its MessagePack is wrong: {0}")]
    NotMessagePack(String),
    /// A member is missing.
    #[error("its member '{0}' is missing")]
    Missing(&'static str),
    /// A member comes twice.
    #[error("its member '{0}' comes twice")]
    Twice(&'static str),
    /// A list has too many items.
    #[error("its list '{0}' is too long")]
    TooMany(&'static str),
    /// There is not one `chain` item for each proof.
    #[error("its 'chain' does not belong to its 'proofs'")]
    Unparallel,
    /// A nonce is empty, long, or has other characters than printable ASCII.
    #[error("a nonce has 1 to {NONCE_BYTES_MAX} printable ASCII characters")]
    BadNonce,
}

impl From<Malformed> for CapabilityError {
    fn from(malformed: Malformed) -> CapabilityError {
        CapabilityError::NotMessagePack(malformed.to_string())
    }
}

impl Capability {
    /// Reads a token's text; verifies nothing.
    ///
    /// # Errors
    /// It is not a capability token, or larger than one may be.
    pub fn parse(text: &str) -> Result<Capability, CapabilityError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(CapabilityError::NoPrefix)?;
        if text.len() > TOKEN_BYTES_MAX {
            return Err(CapabilityError::TooLong(text.len()));
        }
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes());
        decode(&bytes.map_err(|_| CapabilityError::NotBase64)?)
    }
}

/// The members of a token, or of a part of one, as they come.
#[derive(Default)]
struct Members {
    version: Option<u64>,
    issuer: Option<PublicKey>,
    audience: Option<Option<PublicKey>>,
    scopes: Option<Vec<String>>,
    expires_at: Option<u64>,
    nonce: Option<String>,
    proofs: Option<Vec<Proof>>,
    chain: Option<Vec<LinkTerms>>,
    signature: Option<Signature>,
}

fn decode(bytes: &[u8]) -> Result<Capability, CapabilityError> {
    let mut reader = Reader::new(bytes);
    let mut members = Members::default();
    for _ in 0..reader.map()? {
        match reader.text()? {
            "proofs" => set(&mut members.proofs, "proofs", proofs(&mut reader)?)?,
            "chain" => set(&mut members.chain, "chain", chain(&mut reader)?)?,
            name => members.read(name, &mut reader)?,
        }
    }
    reader.end()?;
    let mut proofs = members.proofs.take().unwrap_or_default();
    if let Some(chain) = members.chain.take() {
        if chain.len() != proofs.len() {
            return Err(CapabilityError::Unparallel);
        }
        for (proof, terms) in proofs.iter_mut().zip(chain) {
            proof.terms = Some(terms);
        }
    }
    let issuer = members.issuer.ok_or(CapabilityError::Missing("issuer"))?;
    let scopes = members.scopes.take().ok_or(CapabilityError::Missing("scopes"))?;
    let signature = members.signature.ok_or(CapabilityError::Missing("signature"))?;
    let terms = members.terms()?;
    Ok(Capability { grant: Link { issuer, scopes, terms }, proofs, signature })
}

impl Members {
    fn read(&mut self, name: &str, reader: &mut Reader<'_>) -> Result<(), CapabilityError> {
        match name {
            "version" => set(&mut self.version, "version", reader.uint()?),
            "issuer" => set(&mut self.issuer, "issuer", reader.byte_array()?),
            "audience" => set(&mut self.audience, "audience", audience(reader)?),
            "scopes" => set(&mut self.scopes, "scopes", scopes(reader)?),
            "expires_at" => set(&mut self.expires_at, "expires_at", reader.uint()?),
            "nonce" => set(&mut self.nonce, "nonce", nonce(reader.text()?)?),
            "signature" => set(&mut self.signature, "signature", reader.binary()?),
            _ => Ok(reader.skip()?),
        }
    }

    fn terms(self) -> Result<LinkTerms, CapabilityError> {
        Ok(LinkTerms {
            version: self.version.ok_or(CapabilityError::Missing("version"))?,
            audience: self.audience.flatten(),
            expires_at: self.expires_at.ok_or(CapabilityError::Missing("expires_at"))?,
            nonce: self.nonce.ok_or(CapabilityError::Missing("nonce"))?,
        })
    }
}

fn set<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), CapabilityError> {
    match place.replace(value) {
        Some(_) => Err(CapabilityError::Twice(name)),
        None => Ok(()),
    }
}

fn audience(reader: &mut Reader<'_>) -> Result<Option<PublicKey>, CapabilityError> {
    if reader.nil()? { Ok(None) } else { Ok(Some(reader.byte_array()?)) }
}

fn scopes(reader: &mut Reader<'_>) -> Result<Vec<String>, CapabilityError> {
    list(reader, ("scopes", SCOPES_MAX), |reader| Ok(reader.text()?.to_owned()))
}

fn proofs(reader: &mut Reader<'_>) -> Result<Vec<Proof>, CapabilityError> {
    list(reader, ("proofs", CHAIN_LINKS_MAX), |reader| {
        let members = part(reader)?;
        Ok(Proof {
            issuer: members.issuer.ok_or(CapabilityError::Missing("issuer"))?,
            scopes: members.scopes.ok_or(CapabilityError::Missing("scopes"))?,
            signature: members.signature.ok_or(CapabilityError::Missing("signature"))?,
            terms: None,
        })
    })
}

fn chain(reader: &mut Reader<'_>) -> Result<Vec<LinkTerms>, CapabilityError> {
    list(reader, ("chain", CHAIN_LINKS_MAX), |reader| part(reader)?.terms())
}

/// A map within the token.
fn part(reader: &mut Reader<'_>) -> Result<Members, CapabilityError> {
    let mut members = Members::default();
    for _ in 0..reader.map()? {
        let name = reader.text()?;
        members.read(name, reader)?;
    }
    Ok(members)
}

fn list<T>(
    reader: &mut Reader<'_>,
    (name, items_max): (&'static str, usize),
    mut item: impl FnMut(&mut Reader<'_>) -> Result<T, CapabilityError>,
) -> Result<Vec<T>, CapabilityError> {
    let items = reader.array()?;
    if items as usize > items_max {
        return Err(CapabilityError::TooMany(name));
    }
    (0..items).map(|_| item(reader)).collect()
}

/// A nonce that can stand in a line of a list.
pub(super) fn nonce(text: &str) -> Result<String, CapabilityError> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > NONCE_BYTES_MAX || !is_plain {
        return Err(CapabilityError::BadNonce);
    }
    Ok(text.to_owned())
}
