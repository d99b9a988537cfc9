//! Conditions of a product: when they begin, get worse and end.

use events::Timestamp;

use super::Settings;
use super::reading::Reading;
use crate::alerts::{AlertType, Severity, Sighting, Signal};
use crate::hash;

/// What can be the matter with a product. The numbers are their places in `ALL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    OutOfStock = 0,
    LowStock = 1,
    HighDemand = 2,
}

impl Condition {
    /// In the order of their numbers.
    pub(super) const ALL: [Self; 3] = [Self::OutOfStock, Self::LowStock, Self::HighDemand];

    fn alert_type(self) -> AlertType {
        match self {
            Self::OutOfStock => AlertType::OutOfStock,
            Self::LowStock => AlertType::LowStock,
            Self::HighDemand => AlertType::HighDemand,
        }
    }
}

/// The latest time that a condition held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Episode {
    /// 1 for the first time, 0 if there was none.
    pub(super) number: u32,
    /// How bad it has been, while it lasts.
    pub(super) on: Option<Severity>,
}

/// What became of a condition since it was last looked at.
enum Turn {
    /// It began, or got worse.
    Raise(Severity),
    /// It ended.
    Clear,
}

impl Episode {
    fn turn(&mut self, now: Option<Severity>) -> Option<Turn> {
        let before = self.on;
        match now {
            None => {
                self.on = None;
                before.map(|_| Turn::Clear)
            }
            // None is less than any severity.
            Some(severity) if before < now => {
                self.number += u32::from(before.is_none());
                self.on = now;
                Some(Turn::Raise(severity))
            }
            Some(_) => None,
        }
    }
}

/// The episodes of a product's conditions, in the order of `Condition::ALL`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Episodes(pub(super) [Episode; 3]);

impl Episodes {
    /// Whether a condition held when it was last looked at.
    pub(super) fn is_on(&self, condition: Condition) -> bool {
        self.0[condition as usize].on.is_some()
    }

    /// Takes note of what `reading` says, and tells what began, got worse or ended.
    pub(super) fn advance(
        &mut self,
        reading: &Reading,
        now: Timestamp,
        settings: &Settings,
    ) -> impl Iterator<Item = Signal> {
        Condition::ALL.into_iter().filter_map(move |condition| {
            let severity = reading.severity(condition, self.is_on(condition), settings);
            let episode = &mut self.0[condition as usize];
            let turn = episode.turn(severity)?;
            let entity = format!("product:{}", reading.product_id);
            let alert_type = condition.alert_type();
            Some(match turn {
                Turn::Clear => Signal::Clear {
                    alert_type,
                    entity,
                    at: now,
                },
                Turn::Raise(severity) => Signal::Raise(Sighting {
                    id: hash::uuid(&format!("{alert_type} {entity} {} {severity}", episode.number)),
                    alert_type,
                    entity,
                    severity,
                    evidence: reading.evidence(condition, settings),
                    seen_at: now,
                }),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_told_once_and_an_episode_only_gets_worse() {
        let mut episode = Episode::default();
        let mut turn = |now| {
            let turn = episode.turn(now).map(|turn| match turn {
                Turn::Raise(severity) => Some(severity),
                Turn::Clear => None,
            });
            (turn, episode.number)
        };
        assert_eq!(turn(None), (None, 0));
        assert_eq!(turn(Some(Severity::Info)), (Some(Some(Severity::Info)), 1));
        assert_eq!(turn(Some(Severity::Info)), (None, 1));
        assert_eq!(turn(Some(Severity::Warning)), (Some(Some(Severity::Warning)), 1));
        assert_eq!(turn(Some(Severity::Info)), (None, 1));
        assert_eq!(turn(Some(Severity::Warning)), (None, 1));
        assert_eq!(turn(None), (Some(None), 1));
        assert_eq!(turn(None), (None, 1));
        assert_eq!(turn(Some(Severity::Info)), (Some(Some(Severity::Info)), 2));
    }
}
