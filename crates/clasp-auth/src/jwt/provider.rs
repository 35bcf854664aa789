//! The signature checks that `jsonwebtoken` is given, by ring. Nothing is signed here.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use ring::{digest, hmac};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has `jsonwebtoken` use these checks. It wants that once per process; more do no harm.
pub(super) fn install() {
    let _installed_before = PROVIDER.install_default();
}

/// The first half of SHA-256 in hexadecimal.
pub(super) fn short_sha256(bytes: &[u8]) -> Box<str> {
    crate::hex(&digest::digest(&digest::SHA256, bytes).as_ref()[..16]).into()
}

/// What only a holder of `secret` makes of `text`, in hexadecimal.
pub(super) fn mark(secret: &[u8], text: &[u8]) -> Box<str> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    crate::hex(&hmac::sign(&key, text).as_ref()[..16]).into()
}

struct Check {
    algorithm: Algorithm,
    key: DecodingKey,
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Check { algorithm: *algorithm, key: key.clone() }))
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl signature::Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let key = &self.key;
        match self.algorithm {
            Algorithm::HS256 => mac(key, hmac::HMAC_SHA256, (message, signature)),
            Algorithm::HS384 => mac(key, hmac::HMAC_SHA384, (message, signature)),
            Algorithm::HS512 => mac(key, hmac::HMAC_SHA512, (message, signature)),
            Algorithm::ES256 => point(key, &ECDSA_P256_SHA256_FIXED, (message, signature)),
            Algorithm::ES384 => point(key, &ECDSA_P384_SHA384_FIXED, (message, signature)),
            Algorithm::EdDSA => point(key, &ED25519, (message, signature)),
            Algorithm::RS256 => rsa(key, &RSA_PKCS1_2048_8192_SHA256, (message, signature)),
            Algorithm::RS384 => rsa(key, &RSA_PKCS1_2048_8192_SHA384, (message, signature)),
            Algorithm::RS512 => rsa(key, &RSA_PKCS1_2048_8192_SHA512, (message, signature)),
            Algorithm::PS256 => rsa(key, &RSA_PSS_2048_8192_SHA256, (message, signature)),
            Algorithm::PS384 => rsa(key, &RSA_PSS_2048_8192_SHA384, (message, signature)),
            Algorithm::PS512 => rsa(key, &RSA_PSS_2048_8192_SHA512, (message, signature)),
            _ => Err(signature::Error::new()),
        }
    }
}

type Signed<'a> = (&'a [u8], &'a Vec<u8>);

fn mac(
    key: &DecodingKey,
    algorithm: hmac::Algorithm,
    (message, signature): Signed<'_>,
) -> Result<(), signature::Error> {
    let key = hmac::Key::new(algorithm, key.try_get_as_bytes().map_err(refused)?);
    hmac::verify(&key, message, signature).map_err(refused)
}

fn point(
    key: &DecodingKey,
    algorithm: &'static dyn VerificationAlgorithm,
    (message, signature): Signed<'_>,
) -> Result<(), signature::Error> {
    let key = key.try_get_as_bytes().map_err(refused)?;
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).map_err(refused)
}

fn rsa(
    key: &DecodingKey,
    parameters: &'static RsaParameters,
    (message, signature): Signed<'_>,
) -> Result<(), signature::Error> {
    let DecodingKeyKind::RsaModulusExponent { n, e } = key.kind() else {
        return Err(signature::Error::new());
    };
    RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).map_err(refused)
}

fn refused<E>(_: E) -> signature::Error {
    signature::Error::new()
}
