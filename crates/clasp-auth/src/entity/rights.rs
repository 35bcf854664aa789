//! What an entity may do: its scopes as far as they lie within its namespaces (spec: relay.md
//! 12.4).

use clasp_protocol::Pattern;

use super::Entity;
use crate::attenuation::parse_bounded;
use crate::scope::{Scope, ScopeError, Scopes};

/// With namespaces only it may write there; with both, a scope counts where the two meet.
pub(super) fn of(entity: &Entity) -> Result<Scopes, ScopeError> {
    let homes: Vec<Pattern> =
        entity.namespaces.iter().map(|it| home(it)).collect::<Result<_, _>>()?;
    let scopes: Vec<Scope> =
        entity.scopes.iter().map(|it| parse_bounded(it)).collect::<Result<_, _>>()?;
    if homes.is_empty() {
        return Ok(scopes.into_iter().collect());
    }
    if scopes.is_empty() {
        return homes.iter().map(|home| Scope::parse(&format!("write:{home}"))).collect();
    }
    let mut met = Vec::new();
    for scope in scopes {
        for home in &homes {
            if home.covers(scope.pattern()) {
                met.push(scope.clone());
            } else if scope.pattern().covers(home) {
                met.push(Scope::parse(&format!("{}:{home}", scope.action().name()))?);
            }
        }
    }
    Ok(met.into_iter().collect())
}

/// Everything below a namespace.
fn home(namespace: &str) -> Result<Pattern, ScopeError> {
    let pattern = match namespace {
        whole if whole.ends_with("/**") => whole.to_owned(),
        folder if folder.ends_with('/') => format!("{folder}**"),
        plain => format!("{plain}/**"),
    };
    parse_bounded(&format!("write:{pattern}")).map(|scope| scope.pattern().clone()).map_err(|_| {
        ScopeError::BadPattern {
            scope: namespace.to_owned(),
            reason: "a namespace is an address such as /sensors".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{EntityId, EntityKind, EntityStatus};
    use super::*;

    fn rights(namespaces: &[&str], scopes: &[&str]) -> Result<Vec<String>, ScopeError> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let entity = Entity {
            id: EntityId::of(&[0; 32]),
            kind: EntityKind::Device,
            name: String::new(),
            public_key: [0; 32],
            created_at: 0,
            metadata: Default::default(),
            tags: Vec::new(),
            namespaces: owned(namespaces),
            scopes: owned(scopes),
            status: EntityStatus::Active,
        };
        of(&entity).map(|scopes| scopes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn namespaces_alone_let_write_there() {
        for namespace in ["/s", "/s/", "/s/**"] {
            assert_eq!(rights(&[namespace], &[]).unwrap(), ["write:/s/**"]);
        }
    }

    #[test]
    fn scopes_count_only_within_the_namespaces() {
        let met = rights(&["/s", "/t"], &["read:/s/a/*", "admin:/**", "write:/u/**"]).unwrap();
        assert_eq!(met, ["read:/s/a/*", "admin:/s/**", "admin:/t/**"]);
        assert_eq!(rights(&["/s"], &["read:/*/a"]).unwrap(), [""; 0], "neither covers the other");
    }

    #[test]
    fn without_namespaces_scopes_count_as_they_are_and_nothing_gives_nothing() {
        assert_eq!(rights(&[], &["read:/s/*"]).unwrap(), ["read:/s/*"]);
        assert_eq!(rights(&[], &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert!(rights(&["s"], &[]).is_err() && rights(&["/a//b"], &[]).is_err());
        assert!(rights(&[], &["read:/a", "fly:/a"]).is_err());
    }
}
