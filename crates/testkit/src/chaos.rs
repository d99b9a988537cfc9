//! What can happen to a call to a service, and to the invocation that makes it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use aws::StoreError;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Out of a hundred calls, how many go wrong while there is trouble left.
const TROUBLE_PERCENT: u32 = 12;
/// How much goes wrong in one history at most, so that it ends.
const MAX_TROUBLES: u32 = 40;

/// How likely a late write lands before a call: low, so that much has moved on when it does.
const LANDING: f64 = 0.05;

/// The fate of every call in a history.
pub struct Chaos(Mutex<State>);

struct State {
    rng: ChaCha8Rng,
    troubles_left: u32,
    killed: bool,
    /// Writes of dead invocations that are still on their way.
    late: Vec<Box<dyn FnOnce() + Send>>,
}

enum Fate {
    Answered,
    RefusedBefore,
    AnswerLost,
    KilledBefore,
    KilledAfter,
    KilledWithWriteUnderway,
}

impl Chaos {
    /// The chaos of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let rng = crate::rng_of(seed, 1);
        Self(Mutex::new(State {
            rng,
            troubles_left: MAX_TROUBLES,
            killed: false,
            late: Vec::new(),
        }))
    }

    /// No trouble at all.
    #[must_use]
    pub fn calm() -> Self {
        let chaos = Self::new(0);
        chaos.state().troubles_left = 0;
        chaos
    }

    /// Makes a call with an effect, if its fate allows.
    pub async fn call<T>(&self, effect: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
        self.elsewhere().await;
        self.land_some();
        let failed = || Err(StoreError::new("call", "simulated service", "trouble"));
        match self.fate() {
            Fate::Answered => Ok(effect()),
            Fate::RefusedBefore => failed(),
            Fate::AnswerLost => {
                effect();
                failed()
            }
            Fate::KilledBefore => self.die().await,
            Fate::KilledAfter => {
                effect();
                self.die().await
            }
            Fate::KilledWithWriteUnderway => {
                let write = move || {
                    effect();
                };
                self.state().late.push(Box::new(write));
                self.die().await
            }
        }
    }

    /// Runs an invocation; `None` when it was killed on the way.
    pub fn invoke<T>(&self, invocation: impl Future<Output = T>) -> Option<T> {
        let mut invocation = pin!(invocation);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = invocation.as_mut().poll(&mut context) {
                return Some(output);
            }
            if std::mem::take(&mut self.state().killed) {
                return None;
            }
        }
    }

    /// Lets every write that is still on its way land.
    pub fn settle(&self) {
        let late = std::mem::take(&mut self.state().late);
        late.into_iter().for_each(|write| write());
    }

    fn fate(&self) -> Fate {
        let mut state = self.state();
        if state.troubles_left == 0 || state.rng.random_range(0..100) >= TROUBLE_PERCENT {
            return Fate::Answered;
        }
        state.troubles_left -= 1;
        match state.rng.random_range(0..5) {
            0 => Fate::RefusedBefore,
            1 => Fate::AnswerLost,
            2 => Fate::KilledBefore,
            3 => Fate::KilledAfter,
            _ => Fate::KilledWithWriteUnderway,
        }
    }

    /// Lets a late write land in between, now and then.
    fn land_some(&self) {
        let mut state = self.state();
        if !state.late.is_empty() && state.rng.random_bool(LANDING) {
            let underway = state.late.len();
            let at = state.rng.random_range(0..underway);
            let write = state.late.swap_remove(at);
            drop(state);
            write();
        }
    }

    /// Gives way to the invocation's other calls, so that they interleave.
    async fn elsewhere(&self) {
        let mut turns = self.state().rng.random_range(0..3);
        poll_fn(|context| {
            if turns == 0 {
                return Poll::Ready(());
            }
            turns -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    async fn die<T>(&self) -> T {
        self.state().killed = true;
        std::future::pending().await
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no test thread panics while it holds this")
    }
}
