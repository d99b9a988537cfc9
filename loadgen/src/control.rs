//! How a run is told to end before its plan does.

use std::sync::OnceLock;

use tokio::sync::watch;

/// How far a run has been told to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Generate and send.
    Running,
    /// Generate no more; send what is queued.
    Draining,
    /// Send no more.
    Abandoned,
}

/// Why a run ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody asked for it.
    Interrupted,
    /// The sink takes no more; says what happened and where.
    Broken(String),
    /// Whoever read the standard output has left.
    PipeClosed,
}

/// Shared by all parts of a run.
#[derive(Debug)]
pub struct Control {
    phase: watch::Sender<Phase>,
    cause: OnceLock<Cause>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Running),
            cause: OnceLock::new(),
        }
    }
}

impl Control {
    /// Ends the generating. The first cause is the one that is told.
    pub fn stop(&self, cause: Cause) {
        // A later cause follows from the first.
        let _ = self.cause.set(cause);
        self.advance(Phase::Draining);
    }

    /// Ends the sending.
    pub fn abandon(&self) {
        self.advance(Phase::Abandoned);
    }

    fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let changes = *phase < to;
            *phase = to.max(*phase);
            changes
        });
    }

    /// Why the run was stopped, if it was.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.get()
    }

    /// Whether the run was stopped or abandoned.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.phase.borrow() >= Phase::Draining
    }

    /// Whether nothing more is to be sent.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        *self.phase.borrow() >= Phase::Abandoned
    }

    /// Waits until the run is stopped.
    pub async fn stopped(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits until the run is abandoned.
    pub async fn abandoned(&self) {
        self.reached(Phase::Abandoned).await;
    }

    async fn reached(&self, wanted: Phase) {
        // The sender lives as long as this borrow of it, so waiting can't fail.
        let _ = self.phase.subscribe().wait_for(|phase| *phase >= wanted).await;
    }
}
