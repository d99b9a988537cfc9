//! The ids of the events that a page counts.

use events::Uuid;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_bytes::ByteBuf;

/// Event ids in the order in which they were folded.
///
/// They are about half of what a page holds, and random bits can't be packed. What is left out of an id of version 7
/// (RFC 9562, 5.7) when it is stored is what its neighbour tells: it takes 11 to 12 bytes of 16. An id of another version takes
/// 17.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventIds(Vec<Uuid>);

impl EventIds {
    /// Takes note of one more.
    pub fn push(&mut self, event_id: Uuid) {
        self.0.push(event_id);
    }

    /// Takes note of another page's.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Uuid] {
        &self.0
    }
}

/// Ids by column, in one run of bytes.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// For each id, twice the milliseconds since the one before it that has any; plus one, and no step, for an id of
    /// another version.
    steps: Vec<i64>,
    /// The random bits of those of version 7, all bits of others.
    bits: ByteBuf,
}

const RANDOM_BYTES: usize = 10;
/// The bits that tell the version and the variant, in version 7.
const KIND: u128 = 0xF << 76 | 0b11 << 62;
const VERSION_7: u128 = 0x7 << 76 | 0b10 << 62;
/// Random bits after the variant; 12 more are before it.
const LOW_BITS: u32 = 62;
const LOW: u128 = (1 << LOW_BITS) - 1;
const HIGH: u128 = (1 << 12) - 1;
const MS_AT: u32 = 80;

impl From<&EventIds> for Stored {
    fn from(ids: &EventIds) -> Self {
        let mut steps = Vec::with_capacity(ids.len());
        let mut bits = Vec::with_capacity(ids.len() * RANDOM_BYTES);
        let mut before_ms = 0;
        for id in ids.as_slice() {
            let id = id.as_u128();
            if id & KIND == VERSION_7 {
                let ms = (id >> MS_AT) as i64;
                steps.push(2 * (ms - before_ms));
                before_ms = ms;
                let random = (id >> 64 & HIGH) << LOW_BITS | id & LOW;
                bits.extend_from_slice(&random.to_le_bytes()[..RANDOM_BYTES]);
            } else {
                steps.push(1);
                bits.extend_from_slice(&id.to_le_bytes());
            }
        }
        Self {
            steps,
            bits: ByteBuf::from(bits),
        }
    }
}

impl Stored {
    /// `None` if there are other bits than the steps tell of.
    fn ids(&self) -> Option<EventIds> {
        let mut bits = self.bits.as_slice();
        let mut take = |n: usize| {
            let mut bytes = [0; 16];
            bytes[..n].copy_from_slice(bits.split_off(..n)?);
            Some(u128::from_le_bytes(bytes))
        };
        let mut before_ms = 0_i64;
        let id = |step: &i64| {
            if step % 2 != 0 {
                return take(16);
            }
            before_ms = before_ms.checked_add(step / 2)?;
            let ms = u128::try_from(before_ms).ok().filter(|ms| ms >> 48 == 0)?;
            let random = take(RANDOM_BYTES)?;
            Some(ms << MS_AT | (random >> LOW_BITS & HIGH) << 64 | random & LOW | VERSION_7)
        };
        let ids: Option<Vec<Uuid>> = self
            .steps
            .iter()
            .map(id)
            .map(|id| id.map(Uuid::from_u128))
            .collect();
        ids.filter(|_| bits.is_empty()).map(EventIds)
    }
}

impl Serialize for EventIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = postcard::to_allocvec(&Stored::from(self)).map_err(S::Error::custom)?;
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for EventIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = ByteBuf::deserialize(deserializer)?;
        let stored: Stored = postcard::from_bytes(&bytes).map_err(D::Error::custom)?;
        let ids = stored.ids();
        ids.ok_or_else(|| D::Error::custom("event ids have other bits than their steps tell of"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(ids: impl IntoIterator<Item = u128>) -> Vec<u8> {
        let ids = EventIds(ids.into_iter().map(Uuid::from_u128).collect());
        postcard::to_allocvec(&ids).unwrap()
    }

    fn version_7(ms: u128, random: u128) -> u128 {
        ms << MS_AT | random & !(u128::MAX << MS_AT | KIND) | VERSION_7
    }

    #[test]
    fn an_id_near_the_one_before_takes_eleven_bytes_and_one_of_another_version_seventeen() {
        let near = |n: u128| version_7(1_795_369_200_000 + n * 31, u128::MAX - n);
        assert_eq!(
            bytes((0..101).map(near)).len() - bytes((0..100).map(near)).len(),
            11
        );
        assert_eq!(bytes([1, 2, 3]).len(), 3 + 3 * 17);
    }

    #[test]
    fn bytes_that_are_no_ids_are_refused() {
        let refused = |steps: &[i64], bits: usize| {
            let bits = ByteBuf::from(vec![0; bits]);
            let stored = Stored {
                steps: steps.to_vec(),
                bits,
            };
            let bytes = ByteBuf::from(postcard::to_allocvec(&stored).unwrap());
            let bytes = postcard::to_allocvec(&bytes).unwrap();
            postcard::from_bytes::<EventIds>(&bytes).is_err()
        };
        assert!(!refused(&[0, 1], 26) && !refused(&[], 0));
        assert!(refused(&[0, 1], 25) && refused(&[0, 1], 27) && refused(&[0], 0));
        assert!(refused(&[-2], 10) && refused(&[2 << 48], 10));
        assert!(refused(&[i64::MAX - 1, i64::MAX - 1], 20));
    }

    proptest! {
        #[test]
        fn ids_survive_storage(
            ids in proptest::collection::vec((any::<u128>(), any::<bool>()), 0..40),
        ) {
            let ids = EventIds(
                ids.into_iter()
                    .map(|(bits, seven)| if seven { version_7(bits >> MS_AT, bits) } else { bits })
                    .map(Uuid::from_u128)
                    .collect(),
            );
            let stored = postcard::to_allocvec(&ids).unwrap();
            prop_assert_eq!(postcard::from_bytes::<EventIds>(&stored).unwrap(), ids);
        }
    }
}
