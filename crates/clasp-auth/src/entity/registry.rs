//! Who is registered: an index in memory that answers at once, in front of a store that keeps it.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use super::{Entity, EntityId, EntityStatus};
use crate::scope::ScopeError;

/// Keeps entities. Its methods may block; [`Entities`] calls one at a time.
pub trait EntityStore: Send + Sync {
    /// Everything that is kept, and what of it cannot be trusted.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&self) -> Result<(Vec<Entity>, Vec<Defect>), RegistryError>;

    /// Keeps one more; tells whether its id was free.
    ///
    /// # Errors
    /// It cannot be written.
    fn insert(&self, entity: &Entity) -> Result<bool, RegistryError>;

    /// Keeps an entity's new status.
    ///
    /// # Errors
    /// It cannot be written.
    fn set_status(&self, id: &EntityId, status: EntityStatus) -> Result<(), RegistryError>;

    /// Forgets an entity; tells whether it was kept.
    ///
    /// # Errors
    /// It cannot be written.
    fn delete(&self, id: &EntityId) -> Result<bool, RegistryError>;
}

/// Why a store failed; the text names the file and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegistryError(pub String);

/// An entity that is kept in a way that cannot be trusted; its tokens are not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Which.
    pub id: String,
    /// What is wrong with it.
    pub what: String,
}

/// Why something could not be done with an entity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntitiesError {
    /// Its id is taken.
    #[error("entity already exists: {0}")]
    Exists(EntityId),
    /// It is not registered.
    #[error("entity not found")]
    Unknown,
    /// It is revoked, for good.
    #[error("entity is revoked, and that is final")]
    Revoked,
    /// What it may do cannot be read.
    #[error(transparent)]
    BadRights(#[from] ScopeError),
    /// As many are registered as there may be.
    #[error("{0} entities are registered, more are not allowed")]
    Full(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RegistryError),
}

/// Everybody who is registered.
pub struct Entities {
    index: RwLock<Index>,
    store: Mutex<Box<dyn EntityStore>>,
    revision: AtomicU64,
    defects: Vec<Defect>,
}

impl std::fmt::Debug for Entities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entities").field("count", &self.len()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Index {
    by_id: HashMap<EntityId, Arc<Entity>>,
    /// By time of registration.
    by_age: BTreeSet<(u64, EntityId)>,
}

const POISONED: &str = "no holder panics";

impl Entities {
    /// Entities that may be registered.
    pub const COUNT_MAX: usize = 100_000;

    /// Reads the store. Entities that cannot be trusted are left out, see [`Entities::defects`].
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(store: Box<dyn EntityStore>) -> Result<Entities, RegistryError> {
        let (entities, mut defects) = store.load()?;
        let mut index = Index::default();
        for entity in entities {
            match entity.check_rights() {
                Ok(()) => index.insert(entity),
                Err(error) => {
                    defects.push(Defect { id: entity.id.to_string(), what: error.to_string() });
                }
            }
        }
        let (index, store, revision) = (RwLock::new(index), Mutex::new(store), AtomicU64::new(0));
        Ok(Entities { index, store, revision, defects })
    }

    /// What of the store could not be trusted when it was read.
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// The entity with this id.
    pub fn get(&self, id: &EntityId) -> Option<Arc<Entity>> {
        self.index.read().expect(POISONED).by_id.get(id).cloned()
    }

    /// Entities, the newest first.
    pub fn list(&self, offset: usize, limit: usize) -> Vec<Arc<Entity>> {
        let index = self.index.read().expect(POISONED);
        let newest_first = index.by_age.iter().rev().skip(offset).take(limit);
        newest_first.filter_map(|(_, id)| index.by_id.get(id).cloned()).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.index.read().expect(POISONED).by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Registers one more; may block.
    ///
    /// # Errors
    /// Its id is taken, its rights cannot be read, or the store failed.
    pub fn create(&self, entity: Entity) -> Result<Arc<Entity>, EntitiesError> {
        entity.check_rights()?;
        let store = self.store.lock().expect(POISONED);
        if self.len() >= Self::COUNT_MAX {
            return Err(EntitiesError::Full(Self::COUNT_MAX));
        }
        if !store.insert(&entity)? {
            return Err(EntitiesError::Exists(entity.id));
        }
        let id = entity.id.clone();
        self.index.write().expect(POISONED).insert(entity);
        self.get(&id).ok_or(EntitiesError::Unknown)
    }

    /// Changes whether an entity's tokens are accepted; may block. What is granted to it ends if
    /// they are not.
    ///
    /// # Errors
    /// It is not registered, revoked for good, or the store failed.
    pub fn set_status(
        &self,
        id: &EntityId,
        status: EntityStatus,
    ) -> Result<Arc<Entity>, EntitiesError> {
        let store = self.store.lock().expect(POISONED);
        let entity = self.get(id).ok_or(EntitiesError::Unknown)?;
        if entity.status == status {
            return Ok(entity);
        }
        if entity.status == EntityStatus::Revoked {
            return Err(EntitiesError::Revoked);
        }
        store.set_status(id, status)?;
        let changed = Arc::new(Entity { status, ..Entity::clone(&entity) });
        let mut index = self.index.write().expect(POISONED);
        index.by_id.insert(id.clone(), Arc::clone(&changed));
        drop(index);
        self.revision.fetch_add(1, Ordering::AcqRel);
        Ok(changed)
    }

    /// Forgets an entity, also one that cannot be trusted; may block. What is granted to it ends.
    ///
    /// # Errors
    /// It is not registered, or the store failed.
    pub fn delete(&self, id: &EntityId) -> Result<(), EntitiesError> {
        let store = self.store.lock().expect(POISONED);
        let was_kept = store.delete(id)?;
        self.index.write().expect(POISONED).remove(id);
        self.revision.fetch_add(1, Ordering::AcqRel);
        if was_kept { Ok(()) } else { Err(EntitiesError::Unknown) }
    }

    /// Rises whenever an entity's status changes or it is deleted.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }
}

impl Index {
    fn insert(&mut self, entity: Entity) {
        self.by_age.insert((entity.created_at, entity.id.clone()));
        self.by_id.insert(entity.id.clone(), Arc::new(entity));
    }

    fn remove(&mut self, id: &EntityId) {
        if let Some(entity) = self.by_id.remove(id) {
            self.by_age.remove(&(entity.created_at, entity.id.clone()));
        }
    }
}

/// Keeps entities as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<BTreeSet<EntityId>>);

impl EntityStore for MemoryStore {
    fn load(&self) -> Result<(Vec<Entity>, Vec<Defect>), RegistryError> {
        Ok((Vec::new(), Vec::new()))
    }

    fn insert(&self, entity: &Entity) -> Result<bool, RegistryError> {
        Ok(self.0.lock().expect(POISONED).insert(entity.id.clone()))
    }

    fn set_status(&self, _: &EntityId, _: EntityStatus) -> Result<(), RegistryError> {
        Ok(())
    }

    fn delete(&self, id: &EntityId) -> Result<bool, RegistryError> {
        Ok(self.0.lock().expect(POISONED).remove(id))
    }
}
