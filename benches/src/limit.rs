//! Waits that end.

use std::time::Duration;

use anyhow::Context as _;

/// Waits for `what` at most `limit`; an error names it.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    waited_for: impl Future<Output = T>,
) -> anyhow::Result<T> {
    let waited = tokio::time::timeout(limit, waited_for).await;
    waited.with_context(|| format!("waited {} s for {what}, in vain", limit.as_secs()))
}
