//! The ids of the events that a page counts.

use events::Uuid;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Event ids in the order in which they were folded; stored as one run of bytes, 16 each.
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

impl Serialize for EventIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|id| *id.as_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for EventIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
        let (ids, rest) = bytes.as_chunks::<16>();
        if rest.is_empty() {
            Ok(Self(ids.iter().map(|id| Uuid::from_bytes(*id)).collect()))
        } else {
            Err(D::Error::custom(format!(
                "event ids take 16 bytes each, found {} in all",
                bytes.len()
            )))
        }
    }
}
