//! Which entity tokens are accepted, and what ends what they gave.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::{Denied, Grant, Verifier as _};

const VECTOR: &str = include_str!("../../tests/vectors/entity.ent");
const SIGNED_AT: u64 = 1_700_000_000;

fn key() -> SigningKey {
    SigningKey::from_bytes(&std::array::from_fn(|index| index as u8))
}

fn entity(key: &SigningKey) -> Entity {
    let public_key = key.verifying_key().to_bytes();
    Entity {
        id: EntityId::of(&public_key),
        kind: EntityKind::Device,
        name: "Temp".to_owned(),
        public_key,
        created_at: 5,
        metadata: BTreeMap::new(),
        tags: Vec::new(),
        namespaces: vec!["/sensors".to_owned()],
        scopes: Vec::new(),
        status: EntityStatus::Active,
    }
}

fn desk(rules: EntityTokenRules) -> (Arc<Entities>, EntityVerifier) {
    let entities = Arc::new(Entities::open(Box::<MemoryStore>::default()).unwrap());
    entities.create(entity(&key())).unwrap();
    (Arc::clone(&entities), EntityVerifier::new(entities, rules))
}

fn present(verifier: &EntityVerifier, token: &str, now_s: u64) -> Result<Grant, Denied> {
    verifier.verify(token, now_s * 1_000_000).expect("the token is claimed")
}

fn refused(word: &'static str) -> Denied {
    Denied::Invalid(word.into())
}

#[test]
fn the_vector_is_made_and_accepted() {
    assert_eq!(EntityToken::sign(&key(), SIGNED_AT).to_text(), VECTOR);
    let (_, verifier) = desk(EntityTokenRules::default());
    let grant = present(&verifier, VECTOR, SIGNED_AT + 1_000_000_000).unwrap();
    assert_eq!(grant.subject.as_deref(), Some("clasp:SzW383y2F1hUUW5tt2vBi"));
    assert!(grant.may_write("/sensors/a") && grant.may_listen("/sensors/a"));
    assert!(!grant.may_read("/other") && grant.expires_unix_us.is_none());
}

#[test]
fn the_map_form_is_accepted_too() {
    let bytes = BASE64URL_NOPAD.decode(&VECTOR.as_bytes()[4..]).unwrap();
    let (id, rest) = bytes[1..].split_at(28);
    let (time, signature) = rest.split_at(5);
    let map =
        [&[0x83, 0xa9][..], b"signature", signature, b"\xa9entity_id", id, b"\xa9timestamp", time]
            .concat();
    let token = format!("ent_{}", BASE64URL_NOPAD.encode(&map));
    assert_eq!(EntityToken::parse(&token), EntityToken::parse(VECTOR));
}

#[test]
fn a_token_may_be_limited_in_age_and_is_never_from_the_future() {
    let rules = EntityTokenRules { age_s_max: 60, ..EntityTokenRules::default() };
    let (_, verifier) = desk(rules);
    let grant = present(&verifier, VECTOR, SIGNED_AT + 59).unwrap();
    assert_eq!(grant.expires_unix_us, Some((SIGNED_AT + 60) * 1_000_000));
    assert_eq!(present(&verifier, VECTOR, SIGNED_AT + 60), Err(Denied::Expired));
    assert!(present(&verifier, VECTOR, SIGNED_AT - 300).is_ok());
    assert_eq!(present(&verifier, VECTOR, SIGNED_AT - 301), Err(refused("token not valid yet")));
}

#[test]
fn a_stranger_and_a_wrong_signature_are_told_the_same() {
    let (entities, verifier) = desk(EntityTokenRules::default());
    let stranger = EntityToken::sign(&SigningKey::from_bytes(&[9; 32]), SIGNED_AT).to_text();
    let said = present(&verifier, &stranger, SIGNED_AT);
    assert_eq!(said, Err(refused("token not accepted")));
    let mut tampered = EntityToken::parse(VECTOR).unwrap();
    tampered.signed_at += 1;
    assert_eq!(present(&verifier, &tampered.to_text(), SIGNED_AT), said);
    entities.set_status(&tampered.id, EntityStatus::Suspended).unwrap();
    assert_eq!(present(&verifier, &tampered.to_text(), SIGNED_AT), said, "nothing of its status");
}

#[test]
fn suspending_revoking_and_deleting_end_what_was_granted() {
    let ends: [fn(&Entities, &EntityId); 3] = [
        |entities, id| drop(entities.set_status(id, EntityStatus::Suspended).unwrap()),
        |entities, id| drop(entities.set_status(id, EntityStatus::Revoked).unwrap()),
        |entities, id| entities.delete(id).unwrap(),
    ];
    for end in ends {
        let (entities, verifier) = desk(EntityTokenRules::default());
        let grant = present(&verifier, VECTOR, SIGNED_AT).unwrap();
        let before = verifier.revision();
        assert!(verifier.still_holds(&grant) && verifier.still_holds(&Grant::default()));
        end(&entities, &EntityToken::parse(VECTOR).unwrap().id);
        assert!(verifier.revision() > before && !verifier.still_holds(&grant));
        assert!(present(&verifier, VECTOR, SIGNED_AT).is_err());
    }
}

#[test]
fn a_suspended_entity_may_come_back_and_a_revoked_one_may_not() {
    let (entities, verifier) = desk(EntityTokenRules::default());
    let id = EntityToken::parse(VECTOR).unwrap().id;
    entities.set_status(&id, EntityStatus::Suspended).unwrap();
    assert_eq!(present(&verifier, VECTOR, SIGNED_AT), Err(Denied::Revoked));
    entities.set_status(&id, EntityStatus::Active).unwrap();
    assert!(present(&verifier, VECTOR, SIGNED_AT).is_ok());
    entities.set_status(&id, EntityStatus::Revoked).unwrap();
    for status in [EntityStatus::Active, EntityStatus::Suspended] {
        assert_eq!(entities.set_status(&id, status), Err(EntitiesError::Revoked));
    }
}

#[test]
fn ids_are_unique_and_lists_begin_with_the_newest() {
    let (entities, _) = desk(EntityTokenRules::default());
    let again = entities.create(entity(&key()));
    assert_eq!(again, Err(EntitiesError::Exists(entity(&key()).id)));
    for seed in 1..4 {
        let key = SigningKey::from_bytes(&[seed; 32]);
        entities.create(Entity { created_at: u64::from(seed) * 10, ..entity(&key) }).unwrap();
    }
    let times = |offset, limit| -> Vec<u64> {
        entities.list(offset, limit).iter().map(|entity| entity.created_at).collect()
    };
    assert_eq!(times(0, 100), [30, 20, 10, 5]);
    assert_eq!((times(1, 2), times(9, 1)), (vec![20, 10], vec![]));
}

#[test]
fn words_are_read_in_any_case() {
    assert_eq!("Device".parse(), Ok(EntityKind::Device));
    assert_eq!("Inactive".parse(), Ok(EntityStatus::Suspended));
    assert!("robot".parse::<EntityKind>().is_err() && "".parse::<EntityStatus>().is_err());
    for text in ["xyz", "clasp:", "clasp:0OIl", "clasp:é"] {
        assert!(text.parse::<EntityId>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn random_bytes_are_refused_quietly(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (_, verifier) = desk(EntityTokenRules::default());
        let token = format!("ent_{}", BASE64URL_NOPAD.encode(&bytes));
        prop_assert!(present(&verifier, &token, SIGNED_AT).is_err());
    }
}
