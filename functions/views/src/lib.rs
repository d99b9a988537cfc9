//! What people look at, minute by minute, from the stream of product views.

use analytics::views::ViewsPartial;
use aws::job::StreamJob;

/// The function: folds views, searches, filters and comparisons into the minutes that they occurred in.
pub type Views<S, L> = StreamJob<ViewsPartial, S, L>;
