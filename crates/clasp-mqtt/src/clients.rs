//! Who is connected, who is away, and who was when the relay ended.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use clasp_router::{Now, Taken, Wake};
use parking_lot::Mutex;

use crate::conversation::Conversation;
use crate::door::Door;
use crate::reason;
use crate::session::{Kept, Session};
use crate::store::{self, Record, Store};

/// Whose session it is: clients of different subjects may have the same identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Key {
    /// Subject of the client's token.
    pub subject: Option<Box<str>>,
    /// Client identifier.
    pub client: Box<str>,
}

/// Wakes the connection that a session has at the moment.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<Option<Ringer>>);

struct Ringer(Arc<dyn Wake>);

impl std::fmt::Debug for Ringer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ringer")
    }
}

impl Bell {
    pub(crate) fn new(wake: Option<Arc<dyn Wake>>) -> Arc<Bell> {
        Arc::new(Bell(Mutex::new(wake.map(Ringer))))
    }

    /// Nobody is to be woken any more.
    pub(crate) fn hush(&self) {
        *self.0.lock() = None;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let ringer = self.0.lock().as_ref().map(|ringer| Arc::clone(&ringer.0));
        if let Some(wake) = ringer {
            wake.wake();
        }
    }
}

/// A session without a connection.
#[derive(Debug)]
pub(crate) struct Away {
    pub(crate) session: Box<Session>,
    /// When it ends, in seconds since 1970.
    until_s: u64,
    /// When its will is due, in seconds since 1970.
    will_s: u64,
}

/// Where a client's session is.
#[derive(Debug)]
pub(crate) enum Place {
    /// In a conversation, which has this serial.
    Here(u64, Weak<Conversation>),
    /// Waiting for the client.
    Away(Box<Away>),
    /// As it was stored, since its token is not known any more.
    Stored(Box<Record>),
}

/// All clients that have a session.
pub(crate) struct Clients {
    places: Mutex<HashMap<Arc<Key>, Place>>,
    /// What is to be stored: a session's state, or that it is gone.
    changed: Mutex<HashMap<Key, Option<Vec<u8>>>>,
    store: Option<Box<dyn Store>>,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients").field("places", &self.places).finish_non_exhaustive()
    }
}

/// How many clients there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) here: usize,
    pub(crate) away: usize,
}

impl Clients {
    pub(crate) fn new(store: Option<Box<dyn Store>>) -> Clients {
        Clients { places: Mutex::default(), changed: Mutex::default(), store }
    }

    /// Takes a client's place for a conversation; what was there before.
    pub(crate) fn take_place(
        &self,
        key: Arc<Key>,
        serial: u64,
        conversation: Weak<Conversation>,
    ) -> Option<Place> {
        self.places.lock().insert(key, Place::Here(serial, conversation))
    }

    /// The session with this serial is over.
    pub(crate) fn leave(&self, key: &Key, serial: u64) {
        let mut places = self.places.lock();
        if matches!(places.get(key), Some(Place::Here(mine, _)) if *mine == serial) {
            places.remove(key);
        }
    }

    /// The client of a session is gone; gives the session back if its place is taken or all places
    /// for those who are away are.
    fn park(&self, away: Box<Away>, most: usize) -> Option<Box<Away>> {
        let mut places = self.places.lock();
        let Session { key, serial, .. } = &*away.session;
        let mine = matches!(places.get(key), Some(Place::Here(mine, _)) if mine == serial);
        let waiting = || places.values().filter(|place| !matches!(place, Place::Here(..))).count();
        if !mine || (places.len() >= most && waiting() >= most) {
            return Some(away);
        }
        places.insert(Arc::clone(key), Place::Away(away));
        None
    }

    /// Notes what is to be stored of a session; `None` that it is gone.
    pub(crate) fn note(&self, key: &Key, state: Option<Vec<u8>>) {
        if self.store.is_some() {
            self.changed.lock().insert(key.clone(), state);
        }
    }

    pub(crate) fn is_stored(&self) -> bool {
        self.store.is_some()
    }

    pub(crate) fn count(&self) -> Count {
        let places = self.places.lock();
        let here = places.values().filter(|place| matches!(place, Place::Here(..))).count();
        Count { here, away: places.len() - here }
    }

    /// Conversations that have a session.
    fn conversations(&self) -> Vec<Arc<Conversation>> {
        let places = self.places.lock();
        let here = places.values().filter_map(|place| match place {
            Place::Here(_, conversation) => conversation.upgrade(),
            _ => None,
        });
        here.collect()
    }
}

impl Door {
    /// Keeps a session whose connection is over, or ends it.
    pub(crate) fn part(&self, mut session: Box<Session>, now: Now) {
        let now_s = now.unix_us / 1_000_000;
        session.go_away(self);
        let expiry_s = session.kept.expiry_s;
        let delay_s = session.will.as_ref().map_or(0, |will| will.delay_s.min(expiry_s));
        if delay_s == 0
            && let Some(will) = session.will.take()
        {
            let serial = session.serial;
            will.publish(self, &mut session.guest, serial, now);
        }
        let key = Arc::clone(&session.key);
        if expiry_s == 0 {
            self.clients.leave(&key, session.serial);
            self.clients.note(&key, None);
            return session.end(self, now);
        }
        let (until_s, will_s) = (now_s + u64::from(expiry_s), now_s + u64::from(delay_s));
        let state = store::write(&session, until_s);
        let away = Box::new(Away { session, until_s, will_s });
        match self.clients.park(away, self.config.limits.away_max) {
            None => self.clients.note(&key, Some(state)),
            Some(away) => {
                self.clients.leave(&key, away.session.serial);
                self.finish(*away, now);
            }
        }
    }

    /// Ends a session that is away, with its will.
    pub(crate) fn finish(&self, away: Away, now: Now) {
        let mut session = away.session;
        if let Some(will) = session.will.take() {
            let serial = session.serial;
            will.publish(self, &mut session.guest, serial, now);
        }
        session.end(self, now);
    }

    /// What was kept of a client, if it is to be resumed; otherwise that is over. With it the guest
    /// that was subscribed until now.
    pub(crate) fn take_over(
        &self,
        place: Option<Place>,
        resume: bool,
        now: Now,
    ) -> Option<(Kept, Option<Box<Session>>)> {
        let away = match place? {
            Place::Here(_, conversation) => {
                let mut session = conversation.upgrade()?.evict(reason::TAKEN_OVER)?;
                session.go_away(self);
                let delay_s = session.will.as_ref().map_or(0, |will| will.delay_s);
                if delay_s == 0 || !resume || session.kept.expiry_s == 0 {
                    let serial = session.serial;
                    if let Some(will) = session.will.take() {
                        will.publish(self, &mut session.guest, serial, now);
                    }
                }
                if session.kept.expiry_s == 0 {
                    session.end(self, now);
                    return None;
                }
                Away { session, until_s: u64::MAX, will_s: u64::MAX }
            }
            Place::Away(away) => *away,
            Place::Stored(record) => {
                let alive = resume && record.until_s > now.unix_us / 1_000_000;
                return alive.then(|| (record.restore(self), None));
            }
        };
        if !resume || away.until_s <= now.unix_us / 1_000_000 {
            self.finish(away, now);
            return None;
        }
        let mut session = away.session;
        // It comes back in time: nobody is to hear that it was gone.
        session.will = None;
        let kept = std::mem::take(&mut session.kept);
        Some((kept, Some(session)))
    }

    /// Brings a stored session back: with a session of the router where that needs no token.
    pub(crate) fn recall(&self, key: Key, record: &[u8], now: Now) {
        let key = Arc::new(key);
        let Some(record) = Record::read(record) else {
            tracing::warn!(client = %key.client, "a stored MQTT session is unreadable and gone");
            return self.clients.note(&key, None);
        };
        let now_s = now.unix_us / 1_000_000;
        if record.until_s <= now_s {
            return self.clients.note(&key, None);
        }
        let until_s = record.until_s;
        let place = match self.revive(&key, &record, now) {
            Some(session) => Place::Away(Box::new(Away { session, until_s, will_s: until_s })),
            None => Place::Stored(Box::new(record)),
        };
        self.clients.places.lock().insert(key, place);
    }

    fn revive(&self, key: &Arc<Key>, record: &Record, now: Now) -> Option<Box<Session>> {
        if key.subject.is_some() {
            return None;
        }
        let guest = crate::connect::enter(
            self,
            ([127, 0, 0, 1], 0).into(),
            (&key.client, None),
            Bell::new(None),
            now,
        )
        .ok()?;
        let (key, serial) = (Arc::clone(key), self.next_serial());
        let mut session = Box::new(Session::new(guest, key, serial, record.client()));
        session.here = false;
        session.kept = record.restore(self);
        session.move_in();
        session.resubscribe(self, now);
        session.go_away(self);
        Some(session)
    }

    /// Once a second: ends of sessions, wills, `$SYS`, what is to be stored.
    pub(crate) fn tick(&self, now: Now) {
        let now_s = now.unix_us / 1_000_000;
        let mut over = Vec::new();
        {
            let mut places = self.clients.places.lock();
            let mut gone = Vec::new();
            for (key, place) in places.iter_mut() {
                let over = match place {
                    Place::Here(..) => false,
                    Place::Away(away) => away.until_s <= now_s || self.look_after(key, away, now),
                    Place::Stored(record) => record.until_s <= now_s,
                };
                if over {
                    gone.push(Arc::clone(key));
                }
            }
            for key in gone {
                self.clients.note(&key, None);
                over.extend(places.remove(&key));
            }
        }
        for place in over {
            if let Place::Away(away) = place {
                self.finish(*away, now);
            }
        }
        let tells = self.system.is_due(now);
        if tells || self.clients.is_stored() {
            for conversation in self.clients.conversations() {
                conversation.tick(tells, now);
            }
        }
    }

    /// Empties the outbox of a session that is away; true if the router has ended it.
    fn look_after(&self, key: &Key, away: &mut Away, now: Now) -> bool {
        let session = &mut away.session;
        if away.will_s <= now.unix_us / 1_000_000
            && let Some(will) = session.will.take()
        {
            let serial = session.serial;
            will.publish(self, &mut session.guest, serial, now);
        }
        let closed = session.drain(self, now);
        if session.dirty && self.clients.is_stored() {
            session.dirty = false;
            self.clients.note(key, Some(store::write(session, away.until_s)));
        }
        closed
    }

    /// Stores what has changed; waits for the disk.
    pub(crate) fn store(&self, now: Now) {
        let Some(store) = &self.clients.store else { return };
        for conversation in self.clients.conversations() {
            conversation.tick(false, now);
        }
        let changed = std::mem::take(&mut *self.clients.changed.lock());
        if changed.is_empty() {
            return;
        }
        if let Err(problem) = store.save(&changed) {
            tracing::error!("MQTT sessions could not be stored: {problem}");
            let mut newer = self.clients.changed.lock();
            for (key, state) in changed {
                newer.entry(key).or_insert(state);
            }
        }
    }
}

impl Session {
    /// Queues what has come for a client that is away; true if the router has ended the session.
    fn drain(&mut self, door: &Door, now: Now) -> bool {
        use crate::session::Collected;
        let mut nowhere = Vec::new();
        loop {
            match self.collect(door, &mut nowhere, now) {
                Collected::Bytes => nowhere.clear(),
                Collected::Nothing => return false,
                Collected::Pull => self.guest.pull(now),
                Collected::Closed(_) | Collected::Fault(_) => return true,
            }
        }
    }

    /// Asks the router anew for everything the client is subscribed to, without the present state.
    pub(crate) fn resubscribe(&mut self, door: &Door, now: Now) {
        let mine: Vec<_> =
            self.kept.subscriptions.iter().map(|mine| (mine.filter.clone(), mine.number)).collect();
        for (text, number) in mine {
            if let Ok(filter) = crate::topic::Filter::parse(&text) {
                // A token that allows less now makes the relay tell less.
                let _ = self.ask_router(door, (&filter, number, true), now);
            }
        }
    }

    /// Takes over from the session that was subscribed until now, so that nothing is told twice
    /// and nothing is lost.
    pub(crate) fn succeed(&mut self, door: &Door, mut old: Box<Session>, now: Now) {
        self.resubscribe(door, now);
        let take = |session: &Session| {
            let mut all = Vec::new();
            let mut bytes = Vec::new();
            while session.guest.outbox().take(&mut bytes) == Taken::Bytes {
                all.append(&mut bytes);
            }
            all
        };
        let before = take(&old);
        let both = take(self);
        let known: std::collections::HashSet<&[u8]> = frames(&before).collect();
        let fresh: Vec<u8> =
            frames(&both).filter(|frame| !known.contains(frame)).flatten().copied().collect();
        let here = std::mem::replace(&mut self.here, false);
        let mut nowhere = Vec::new();
        let _ = self.translate(door, &before, &mut nowhere, now);
        let _ = self.translate(door, &fresh, &mut nowhere, now);
        self.here = here;
        old.kept = Kept::default();
        old.end(door, now);
    }
}

fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let frame = clasp_protocol::Frame::parse(bytes).ok()?;
        let (first, rest) = bytes.split_at(frame.len);
        bytes = rest;
        Some(first)
    })
}
