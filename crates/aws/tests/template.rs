//! What the code relies on in the stack's template.

use aws::journal::{COVERS_MS, READ_AGAIN_MS};

const TEMPLATE: &str = include_str!("../../../infra/template.yaml");
/// How far apart two environments' clocks may be.
const CLOCKS_MS: i64 = 60_000;

#[test]
fn no_function_that_folds_runs_for_longer_than_a_sweep_goes_back() {
    let (folding, _) = TEMPLATE
        .split_once("\n  Batch:\n")
        .expect("batch is the last function");
    let timeouts: Vec<i64> = folding
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Timeout: ")?.parse().ok())
        .collect();
    assert!(timeouts.len() >= 7, "{timeouts:?}");
    for timeout_s in timeouts {
        assert!(
            COVERS_MS + timeout_s * 1_000 + CLOCKS_MS <= READ_AGAIN_MS,
            "{timeout_s} s"
        );
    }
}
