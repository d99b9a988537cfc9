//! Alerts: one model for every condition that somebody should know of.
//!
//! A job tells [`Signal`]s: a condition was seen, or has ended. [`apply`] makes of them one [`Alert`] for each condition of
//! each entity; [`expire`] resolves those of which nothing more is seen; [`message_due`] says what somebody is to be told.
//!
//! An alert has episodes: sightings that follow each other within the suppression window ([`Policy`]). An episode ends
//! with its latest sighting or, if that is later, when it is cleared. These are all cases:
//!
//! | signal | when | effect |
//! |---|---|---|
//! | raise | no such alert | episode 1 begins; message 1 |
//! | raise | its id is known from this episode | nothing; only what is news (a later time, a higher severity) is taken over, without counting |
//! | raise | its id is known from an earlier episode | nothing |
//! | raise | new, later than the episode's end by more than the window | next episode: counted from 1, its own severity; a message |
//! | raise | new, otherwise, however old | joins: count + 1, first and last seen widened |
//! | … | and the severity is now higher, by itself or by repetition | it escalates; a message |
//! | … | and it is later than the resolution | the alert is open again; no message for that |
//! | clear | no such alert; or before the last sighting, or not after the resolution that is known | nothing |
//! | clear | otherwise | resolved at that time; no message |
//! | [`expire`] | open, quiet for too long, and no condition that [lasts](AlertType::lasts) | resolved as of its last sighting; no message |
//!
//! So severity never falls within an episode; what is told again is not counted again; and within an episode the order
//! of arrival makes no difference to any field but the numbers of changes and messages. The limit: an alert knows its
//! last [`MAX_IDS`] sightings, a repetition of one before them counts as new.
//!
//! An example with the default policy. Sightings are named by letters; `last` is the last message's number:
//!
//! | what comes | status | severity | count | first seen | last seen | resolved at | episode | last | message |
//! |---|---|---|---|---|---|---|---|---|---|
//! | raise A info 12:00 | open | info | 1 | 12:00 | 12:00 | | 1 | 1 | yes |
//! | raise A info 12:00 | open | info | 1 | 12:00 | 12:00 | | 1 | 1 | |
//! | raise B info 12:20 | open | info | 2 | 12:00 | 12:20 | | 1 | 1 | |
//! | raise C info 12:10 | open | warning | 3 | 12:00 | 12:20 | | 1 | 2 | yes |
//! | raise D info 11:50 | open | warning | 4 | 11:50 | 12:20 | | 1 | 2 | |
//! | clear 12:10 | open | warning | 4 | 11:50 | 12:20 | | 1 | 2 | |
//! | clear 12:30 | resolved | warning | 4 | 11:50 | 12:20 | 12:30 | 1 | 2 | |
//! | raise E info 12:25 | resolved | warning | 5 | 11:50 | 12:25 | 12:30 | 1 | 2 | |
//! | raise F warning 13:30 | open | warning | 6 | 11:50 | 13:30 | | 1 | 2 | |
//! | raise F critical 13:35 | open | critical | 6 | 11:50 | 13:35 | | 1 | 3 | yes |
//! | expire 14:35 | open | critical | 6 | 11:50 | 13:35 | | 1 | 3 | |
//! | expire 14:36 | resolved | critical | 6 | 11:50 | 13:35 | 13:35 | 1 | 3 | |
//! | raise G info 14:36 | open | info | 1 | 14:36 | 14:36 | | 2 | 4 | yes |
//! | raise B info 12:20 | open | info | 1 | 14:36 | 14:36 | | 2 | 4 | |

mod alert;
mod message;
mod policy;
mod signal;

pub use alert::{Alert, MAX_IDS, Status, apply, expire};
pub use message::{MESSAGE_SCHEMA_VERSION, Message, MessageBody, Reason, message_due};
pub use policy::Policy;
pub use signal::{
    AlertType, Evidence, MAX_ENTITY_BYTES, MAX_EVENT_IDS, Severity, Sighting, Signal, fingerprint,
};
