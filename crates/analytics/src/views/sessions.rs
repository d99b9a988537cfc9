//! What a page knows of the sessions in its minute.

use std::collections::BTreeMap;

use events::{MS_PER_MINUTE, Timestamp, Uuid};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A session's events within a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// First event, in ms after the minute's start.
    pub(super) first_ms: u16,
    /// Last event, in ms after the minute's start.
    pub(super) last_ms: u16,
    /// Number of events.
    pub(super) events: u32,
    /// Number of them that are product views.
    pub(super) views: u32,
}

/// The sessions of a page by their key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sessions(BTreeMap<u64, Session>);

impl Sessions {
    /// Counts an event of a session.
    pub(super) fn note(&mut self, session_id: Uuid, occurred_at: Timestamp, is_view: bool) {
        let offset_ms = u16::try_from(occurred_at.as_ms().rem_euclid(MS_PER_MINUTE))
            .expect("a minute has less than 2^16 milliseconds");
        let session = Session {
            first_ms: offset_ms,
            last_ms: offset_ms,
            events: 1,
            views: is_view.into(),
        };
        self.add(key(session_id), session);
    }

    /// Adds other sessions of the same minute.
    pub(super) fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(key, session)| self.add(key, session));
    }

    /// All of them, by ascending key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Session)> {
        self.0.iter().map(|(key, session)| (*key, *session))
    }

    fn add(&mut self, key: u64, more: Session) {
        let session = self.0.entry(key).or_insert(Session {
            events: 0,
            views: 0,
            ..more
        });
        session.first_ms = session.first_ms.min(more.first_ms);
        session.last_ms = session.last_ms.max(more.last_ms);
        session.events += more.events;
        session.views += more.views;
    }
}

/// 64 well-mixed bits of a session's id, whatever its version: two of a million sessions share them once in 37 million
/// windows.
fn key(session_id: Uuid) -> u64 {
    let (high, low) = session_id.as_u64_pair();
    mix(high ^ mix(low))
}

/// The finalizer of `SplitMix64` (Steele et al., 2014) on the next state.
const fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A session as it is stored: numbers that use all of their bits as plain bytes, the others as varints. 11 bytes for one
/// event, 15 for a few.
#[derive(Serialize, Deserialize)]
struct Stored {
    key: [u8; 8],
    first_ms: [u8; 2],
    rest: Rest,
}

/// What was done in a session, with the most usual cases in one byte.
#[derive(Serialize, Deserialize)]
enum Rest {
    OneView,
    OneOther,
    Several {
        last_ms: [u8; 2],
        events: u32,
        views: u32,
    },
}

impl From<(u64, Session)> for Stored {
    fn from((key, session): (u64, Session)) -> Self {
        let rest = match (session.events, session.views) {
            (1, 1) => Rest::OneView,
            (1, 0) => Rest::OneOther,
            (events, views) => Rest::Several {
                last_ms: session.last_ms.to_le_bytes(),
                events,
                views,
            },
        };
        Self {
            key: key.to_le_bytes(),
            first_ms: session.first_ms.to_le_bytes(),
            rest,
        }
    }
}

impl From<Stored> for (u64, Session) {
    fn from(stored: Stored) -> Self {
        let first_ms = u16::from_le_bytes(stored.first_ms);
        let (last_ms, events, views) = match stored.rest {
            Rest::OneView => (first_ms, 1, 1),
            Rest::OneOther => (first_ms, 1, 0),
            Rest::Several {
                last_ms,
                events,
                views,
            } => (u16::from_le_bytes(last_ms), events, views),
        };
        let session = Session {
            first_ms,
            last_ms,
            events,
            views,
        };
        (u64::from_le_bytes(stored.key), session)
    }
}

impl Serialize for Sessions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Stored::from))
    }
}

impl<'de> Deserialize<'de> for Sessions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Vec::<Stored>::deserialize(deserializer)?;
        Ok(Self(stored.into_iter().map(Into::into).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms).unwrap()
    }

    #[test]
    fn keys_of_ids_that_are_alike_differ_in_half_of_their_bits() {
        let ids = (0..128).map(|bit| Uuid::from_u128(1 << bit));
        let keys: BTreeSet<u64> = ids.map(key).collect();
        assert_eq!(keys.len(), 128);
        let flipped: u32 = keys
            .iter()
            .map(|key_of_one| (key_of_one ^ key(Uuid::nil())).count_ones())
            .sum();
        assert!((28 * 128..36 * 128).contains(&flipped), "{flipped}");
        let swapped = Uuid::from_u64_pair(1, 2);
        assert_ne!(key(swapped), key(Uuid::from_u64_pair(2, 1)));
        assert_ne!(key(Uuid::from_u64_pair(7, 7)), key(Uuid::from_u64_pair(8, 8)));
    }

    #[test]
    fn times_before_1970_lie_within_their_minute() {
        let mut sessions = Sessions::default();
        sessions.note(Uuid::nil(), at(-1), true);
        sessions.note(Uuid::nil(), at(-60_000), false);
        let (_, session) = sessions.iter().next().unwrap();
        assert_eq!((session.first_ms, session.last_ms), (0, 59_999));
        assert_eq!((session.events, session.views), (2, 1));
    }

    #[test]
    fn a_session_of_one_event_takes_eleven_bytes() {
        let mut sessions = Sessions::default();
        sessions.note(Uuid::nil(), at(59_999), true);
        assert_eq!(postcard::to_allocvec(&sessions).unwrap().len(), 1 + 11);
    }

    proptest! {
        #[test]
        fn sessions_survive_storage(
            events in proptest::collection::vec((0..20_u128, 0..60_000_i64, any::<bool>()), 0..60),
        ) {
            let mut sessions = Sessions::default();
            for (id, ms, is_view) in events {
                sessions.note(Uuid::from_u128(id), at(ms), is_view);
            }
            let stored = postcard::to_allocvec(&sessions).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Sessions>(&stored).unwrap(), sessions);
        }
    }
}
