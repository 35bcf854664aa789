//! Passwords at rest: argon2id in PHC text (spec: relay.md 10.8).

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for PasswordCost {
    /// What the reference uses, and OWASP recommends.
    fn default() -> PasswordCost {
        PasswordCost { memory_kib: 19_456, passes: 2 }
    }
}

/// What a password is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is another.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and its hash should be made anew at today's cost.
    RightButCheap,
}

/// Hashes and compares passwords; each call works for tens of milliseconds and needs
/// [`PasswordCost::memory_kib`], so callers bound how many run at once.
#[derive(Debug)]
pub struct Passwords {
    cost: PasswordCost,
    params: Params,
    stranger: LazyLock<String, Box<dyn FnOnce() -> String + Send + Sync>>,
    worked: AtomicU64,
}

impl Passwords {
    /// # Panics
    /// argon2 knows no such cost.
    pub fn new(cost: PasswordCost) -> Passwords {
        let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).expect("a fair cost");
        let own = params.clone();
        let stranger: Box<dyn FnOnce() -> String + Send + Sync> =
            Box::new(move || phc(&own, b"nobody"));
        let stranger = LazyLock::new(stranger);
        Passwords { cost, params, stranger, worked: AtomicU64::new(0) }
    }

    /// PHC text of a password with a new salt.
    pub fn hash(&self, password: &str) -> String {
        self.worked.fetch_add(1, Ordering::Relaxed);
        phc(&self.params, password.as_bytes())
    }

    /// Compares a password with stored text. Without one the work is done all the same, so that
    /// time does not tell who exists.
    pub fn verify(&self, password: &str, stored: Option<&str>) -> Verdict {
        self.worked.fetch_add(1, Ordering::Relaxed);
        let text = stored.unwrap_or_else(|| &self.stranger);
        let Ok(hash) = PasswordHash::new(text) else { return Verdict::Wrong };
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let same = argon.verify_password(password.as_bytes(), &hash).is_ok();
        match (same && stored.is_some(), self.is_cheap(&hash)) {
            (false, _) => Verdict::Wrong,
            (true, false) => Verdict::Right,
            (true, true) => Verdict::RightButCheap,
        }
    }

    fn is_cheap(&self, hash: &PasswordHash) -> bool {
        let Ok(params) = Params::try_from(hash) else { return true };
        hash.algorithm != Algorithm::Argon2id.ident()
            || params.m_cost() < self.cost.memory_kib
            || params.t_cost() < self.cost.passes
    }

    /// How many times a password was hashed or compared.
    pub fn worked(&self) -> u64 {
        self.worked.load(Ordering::Relaxed)
    }
}

fn phc(params: &Params, password: &[u8]) -> String {
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash = argon.hash_password(password).expect("any password of a bounded length hashes");
    hash.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: PasswordCost = PasswordCost { memory_kib: 64, passes: 1 };

    #[test]
    fn the_text_at_rest_is_argon2id_at_the_published_cost() {
        let text = Passwords::new(PasswordCost::default()).hash("secret123");
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert!(!text.contains("secret123"));
    }

    #[test]
    fn only_the_password_itself_is_right() {
        let passwords = Passwords::new(CHEAP);
        let text = passwords.hash("secret123");
        assert_eq!(passwords.verify("secret123", Some(&text)), Verdict::Right);
        assert_eq!(passwords.verify("secret124", Some(&text)), Verdict::Wrong);
        assert_eq!(passwords.verify("secret123", Some("damaged")), Verdict::Wrong);
        assert_ne!(text, passwords.hash("secret123"), "every hash has its own salt");
    }

    #[test]
    fn nobodys_password_costs_the_same_and_is_wrong() {
        let passwords = Passwords::new(CHEAP);
        assert_eq!(passwords.verify("nobody", None), Verdict::Wrong);
        assert_eq!(passwords.worked(), 1);
    }

    #[test]
    fn a_hash_made_at_a_lower_cost_is_due_for_renewal() {
        let text = Passwords::new(CHEAP).hash("secret123");
        let dearer = Passwords::new(PasswordCost { memory_kib: 128, passes: 1 });
        assert_eq!(dearer.verify("secret123", Some(&text)), Verdict::RightButCheap);
        assert_eq!(dearer.verify("wrong", Some(&text)), Verdict::Wrong);
    }
}
