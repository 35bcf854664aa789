//! Passwords at rest: argon2id in PHC text (spec: relay.md 10.8).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{Error, generate_salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq as _;

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
/// [`PasswordCost::memory_kib`], so callers bound how many run at once. That memory is kept for the
/// next call: allocated anew by ever other threads, an allocator would keep several times as much.
#[derive(Debug)]
pub struct Passwords {
    cost: PasswordCost,
    params: Params,
    /// What the passwords of those who do not exist are compared with.
    stranger: String,
    worked: AtomicU64,
    scratch: Mutex<Vec<Scratch>>,
}

type Scratch = Vec<Block>;

/// Bytes of a hash.
const OUTPUT_BYTES: usize = 32;

impl Passwords {
    /// Hashes once, for later comparisons.
    ///
    /// # Panics
    /// argon2 knows no such cost.
    pub fn new(cost: PasswordCost) -> Passwords {
        let params = Params::new(cost.memory_kib, cost.passes, 1, Some(OUTPUT_BYTES));
        let mut passwords = Passwords {
            cost,
            params: params.expect("a fair cost"),
            stranger: String::new(),
            worked: AtomicU64::new(0),
            scratch: Mutex::default(),
        };
        passwords.stranger = passwords.phc("nobody");
        passwords
    }

    /// PHC text of a password with a new salt.
    pub fn hash(&self, password: &str) -> String {
        self.worked.fetch_add(1, Ordering::Relaxed);
        self.phc(password)
    }

    /// Compares a password with stored text. Without one the work is done all the same, so that
    /// time does not tell who exists.
    pub fn verify(&self, password: &str, stored: Option<&str>) -> Verdict {
        self.worked.fetch_add(1, Ordering::Relaxed);
        let text = stored.unwrap_or(&self.stranger);
        let Ok(hash) = PasswordHash::new(text) else { return Verdict::Wrong };
        let same = self.is_same(password, &hash).unwrap_or(false);
        match (same && stored.is_some(), self.is_cheap(&hash)) {
            (false, _) => Verdict::Wrong,
            (true, false) => Verdict::Right,
            (true, true) => Verdict::RightButCheap,
        }
    }

    fn is_same(&self, password: &str, stored: &PasswordHash) -> Result<bool, Error> {
        let (Some(salt), Some(output)) = (&stored.salt, &stored.hash) else { return Ok(false) };
        let params = Params::try_from(stored)?;
        let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from)?;
        let argon = Argon2::new(Algorithm::try_from(stored.algorithm.as_str())?, version, params);
        let mut own = vec![0; output.as_bytes().len()];
        self.work(&argon, (password, salt.as_ref()), &mut own)?;
        Ok(own.ct_eq(output.as_bytes()).into())
    }

    fn is_cheap(&self, hash: &PasswordHash) -> bool {
        let Ok(params) = Params::try_from(hash) else { return true };
        hash.algorithm != Algorithm::Argon2id.ident()
            || params.m_cost() < self.cost.memory_kib
            || params.t_cost() < self.cost.passes
    }

    fn phc(&self, password: &str) -> String {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let (salt, mut output) = (generate_salt(), [0; OUTPUT_BYTES]);
        let hash = self.work(&argon, (password, &salt), &mut output).and_then(|()| {
            Ok(PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&self.params)?,
                salt: Some(Salt::new(&salt)?),
                hash: Some(Output::new(&output)?),
            })
        });
        hash.expect("any password of a bounded length hashes").to_string()
    }

    fn work(
        &self,
        argon: &Argon2<'_>,
        (password, salt): (&str, &[u8]),
        output: &mut [u8],
    ) -> Result<(), Error> {
        let scratch = self.scratch.lock().expect("no holder panics").pop();
        let mut scratch = scratch.unwrap_or_default();
        let blocks = argon.params().block_count();
        if scratch.len() < blocks {
            scratch.resize(blocks, Block::new());
        }
        let (password, memory) = (password.as_bytes(), &mut scratch[..blocks]);
        let done = argon.hash_password_into_with_memory(password, salt, output, memory);
        // Text with a higher cost than ours must not leave its memory here.
        if scratch.len() <= self.params.block_count() {
            self.scratch.lock().expect("no holder panics").push(scratch);
        }
        Ok(done?)
    }

    /// How many times a password was hashed or compared.
    pub fn worked(&self) -> u64 {
        self.worked.load(Ordering::Relaxed)
    }
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
