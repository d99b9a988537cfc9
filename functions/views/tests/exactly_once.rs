//! Histories of everything that can go wrong between the stream of product views and the table of metrics.

use analytics::views::{ViewsPartial, ViewsWindow};
use events::{Minute, Stream};
use testkit::{SmallPages, exactly_once};

/// What a reader of the minute sees.
fn seen(partial: &ViewsPartial) -> ViewsWindow {
    let mut window = ViewsWindow::default();
    window.add(Minute::from_number(0), partial);
    window
}

#[test]
fn every_history_ends_as_if_each_event_had_come_once() {
    exactly_once::<ViewsPartial, _>(&[Stream::ProductViews], seen);
}

#[test]
fn histories_that_fill_many_pages_end_the_same() {
    exactly_once::<SmallPages<ViewsPartial>, _>(&[Stream::ProductViews], |partial| seen(&partial.0));
}
