//! Budgets that several sessions share, as long as there is one of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::Budget;

/// Budgets of the same size by key.
#[derive(Debug)]
pub(super) struct Pools<K: Hash + Eq + Clone> {
    per_second: u32,
    budgets: Mutex<HashMap<K, Arc<Mutex<Budget>>>>,
}

/// A session's part in a budget; the budget is forgotten with the last of them.
#[derive(Debug)]
pub(super) struct Share<K: Hash + Eq + Clone> {
    key: K,
    budget: Arc<Mutex<Budget>>,
    pools: Arc<Pools<K>>,
}

impl<K: Hash + Eq + Clone> Pools<K> {
    /// `None` when `per_second` is 0, which means no limit.
    pub(super) fn new(per_second: u32) -> Option<Arc<Pools<K>>> {
        (per_second > 0).then(|| Arc::new(Pools { per_second, budgets: Mutex::default() }))
    }

    /// A part in the budget of `key`.
    pub(super) fn join(self: &Arc<Self>, key: K) -> Share<K> {
        let full = || Arc::new(Mutex::new(Budget::new(self.per_second)));
        let budget = Arc::clone(self.budgets.lock().entry(key.clone()).or_insert_with(full));
        Share { key, budget, pools: Arc::clone(self) }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.budgets.lock().len()
    }
}

impl<K: Hash + Eq + Clone> Share<K> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock()
    }
}

impl<K: Hash + Eq + Clone> Drop for Share<K> {
    fn drop(&mut self) {
        let mut budgets = self.pools.budgets.lock();
        // The table's own and this one; nobody joins while the table is locked.
        if Arc::strong_count(&self.budget) == 2 {
            budgets.remove(&self.key);
        }
    }
}
