//! Sales per minute and country, from the stream of transactions.

use analytics::sales::SalesPartial;
use aws::job::StreamJob;

/// The function: folds purchases and refunds into the minutes that they occurred in.
pub type Sales<S, L> = StreamJob<SalesPartial, S, L>;
