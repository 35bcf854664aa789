//! Shared subscriptions: each message goes to one member of its group.
//!
//! Every member is subscribed and gets every message; which of them passes it on follows from the
//! message alone, so no message has to be handed from one to another.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};

/// The members of one group with one filter.
#[derive(Debug, Default)]
pub(crate) struct Group {
    members: RwLock<Vec<Member>>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    session: u64,
    here: bool,
}

/// Name of a group, and its filter.
type Name = (Box<str>, Box<str>);

/// All groups.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    groups: Mutex<HashMap<Name, Arc<Group>>>,
}

/// A session's place in a group; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Membership {
    group: Arc<Group>,
    session: u64,
}

impl Shares {
    /// Joins a group.
    pub(crate) fn join(&self, name: &str, filter: &str, session: u64) -> Membership {
        let mut groups = self.groups.lock();
        if groups.len() >= groups.capacity() {
            groups.retain(|_, group| Arc::strong_count(group) > 1);
        }
        let group = Arc::clone(groups.entry((name.into(), filter.into())).or_default());
        group.members.write().push(Member { session, here: true });
        Membership { group, session }
    }
}

impl Membership {
    /// Whether this session passes on the message with this number. Consecutive numbers go to the
    /// members in turn; those without a connection are passed over while another has one.
    pub(crate) fn is_for_me(&self, number: u64) -> bool {
        let members = self.group.members.read();
        let here = members.iter().filter(|member| member.here).count() as u64;
        let mut able = members.iter().filter(|member| here == 0 || member.here);
        let count = if here == 0 { members.len() as u64 } else { here };
        let chosen = able.nth(usize::try_from(number % count.max(1)).unwrap_or_default());
        chosen.is_some_and(|member| member.session == self.session)
    }

    /// Another session has this place now.
    pub(crate) fn hand_to(&mut self, session: u64) {
        let mut members = self.group.members.write();
        if let Some(me) = members.iter_mut().find(|member| member.session == self.session) {
            me.session = session;
        }
        drop(members);
        self.session = session;
    }

    /// Notes whether this session has a connection.
    pub(crate) fn is_here(&self, here: bool) {
        let mut members = self.group.members.write();
        if let Some(me) = members.iter_mut().find(|member| member.session == self.session) {
            me.here = here;
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.group.members.write().retain(|member| member.session != self.session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_goes_to_one_member_in_turn() {
        let shares = Shares::default();
        let one = shares.join("g", "a", 1);
        let two = shares.join("g", "a", 2);
        let other = shares.join("h", "a", 3);
        let takers: Vec<_> =
            (0..4).map(|number| (one.is_for_me(number), two.is_for_me(number))).collect();
        assert_eq!(takers, [(true, false), (false, true), (true, false), (false, true)]);
        assert!(other.is_for_me(0) && other.is_for_me(1));
        two.is_here(false);
        assert!(one.is_for_me(0) && one.is_for_me(1));
        one.is_here(false);
        assert!(one.is_for_me(0) && two.is_for_me(1), "all are away");
        drop(one);
        assert!(two.is_for_me(0) && two.is_for_me(1));
    }
}
