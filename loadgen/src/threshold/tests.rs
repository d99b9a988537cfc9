use proptest::prelude::*;

use super::*;
use crate::report::{Measured, Quantiles};

fn read(text: &str) -> Threshold {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn measures() -> Measures {
    Measures {
        offered: 1_000,
        acknowledged: 985,
        failed: 10,
        dropped: 5,
        retried: 40,
        achieved_rate: 499.5,
        latency_ms: Quantiles {
            p50: 12.5,
            p90: 80.0,
            p95: 140.0,
            p99: 312.4,
            p999: 900.0,
            max: 1_250.0,
        },
        lateness_ms: Some(Quantiles {
            p50: 0.02,
            p90: 0.4,
            p95: 0.6,
            p99: 0.9,
            p999: 1.1,
            max: 3.0,
        }),
        freshness: None,
    }
}

fn check(text: &str, measures: &Measures, value: Option<f64>, ok: bool, finding: &str) {
    let outcome = &judge(&[read(text)], measures)[0];
    assert_eq!(
        (outcome.ok, outcome.finding.as_str()),
        (ok, finding),
        "{text}: {outcome:?}"
    );
    match (outcome.value, value) {
        (Some(found), Some(value)) => assert!((found - value).abs() < 1e-9, "{text}: {found}"),
        (found, value) => assert_eq!(found, value, "{text}"),
    }
}

#[test]
fn every_metric_is_judged_in_its_own_unit() {
    let run = measures();
    check("p99<250ms", &run, Some(312.4), false, "p99 is 312.4 ms");
    check("p95<200ms", &run, Some(140.0), true, "p95 is 140 ms");
    check(
        "lateness_p95<0.5ms",
        &run,
        Some(0.6),
        false,
        "lateness_p95 is 0.6 ms",
    );
    check("p99 < 1 s", &run, Some(0.3124), true, "p99 is 0.3124 s");
    check("p999<=900ms", &run, Some(900.0), true, "p99.9 is 900 ms");
    check("max<1.25s", &run, Some(1.25), false, "max is 1.25 s");
    check(
        "lateness_p50<=20us",
        &run,
        Some(20.0),
        true,
        "lateness_p50 is 20 us",
    );
    check(
        "lateness_p99.9<=1ms",
        &run,
        Some(1.1),
        false,
        "lateness_p99.9 is 1.1 ms",
    );
    check("error_rate<1%", &run, Some(1.5), false, "error_rate is 1.5 %");
    check(
        "error_rate<=0.015",
        &run,
        Some(0.015),
        true,
        "error_rate is 0.015",
    );
    check("retry_rate<5%", &run, Some(4.0), true, "retry_rate is 4 %");
    check(
        "achieved_rate>=500",
        &run,
        Some(499.5),
        false,
        "achieved_rate is 499.5",
    );
    check(
        "achieved_rate>499",
        &run,
        Some(499.5),
        true,
        "achieved_rate is 499.5",
    );
}

#[test]
fn what_has_no_value_is_broken_and_says_why() {
    check(
        "lateness_max<1s",
        &Measures::default(),
        None,
        false,
        "lateness was not measured",
    );
    let nothing = Measures {
        lateness_ms: Some(Quantiles::default()),
        ..Measures::default()
    };
    check("p99<1s", &nothing, None, false, "no event was acknowledged");
    check("lateness_max<1s", &nothing, None, false, "no event was offered");
    check("error_rate<=100%", &nothing, None, false, "no event was offered");
    check("achieved_rate>=0", &nothing, None, false, "no event was offered");
    check(
        "freshness_p99<30s",
        &nothing,
        None,
        false,
        "freshness was not measured",
    );

    let seen = |freshness_ms, unseen| Measures {
        freshness: Some(Measured { freshness_ms, unseen }),
        ..measures()
    };
    let none = Quantiles::default();
    check(
        "freshness_p50<1s",
        &seen(none, 0),
        None,
        false,
        "no transaction was acknowledged",
    );
    let quick = Quantiles {
        p95: 700.0,
        p99: 800.0,
        ..none
    };
    check(
        "freshness_p95<1s",
        &seen(quick, 0),
        Some(0.7),
        true,
        "freshness_p95 is 0.7 s",
    );
    check(
        "freshness_p99<1s",
        &seen(quick, 0),
        Some(0.8),
        true,
        "freshness_p99 is 0.8 s",
    );
    let finding = "2 transactions were not readable in time";
    check("freshness_p99<1s", &seen(quick, 2), None, false, finding);
}

#[test]
fn a_small_value_keeps_its_digits() {
    let one_in_a_million = Measures {
        offered: 1_000_000,
        failed: 1,
        ..Measures::default()
    };
    check(
        "error_rate<=0%",
        &one_in_a_million,
        Some(0.0001),
        false,
        "error_rate is 0.0001 %",
    );
}

#[test]
fn broken_thresholds_are_told_a_line_each() {
    let thresholds = ["p99<250ms", "p50<20ms", "error_rate<1%"].map(read);
    assert_eq!(
        Outcome::broken(&judge(&thresholds, &measures())).as_deref(),
        Some("p99<250ms: broken, p99 is 312.4 ms\nerror_rate<1%: broken, error_rate is 1.5 %")
    );
    assert_eq!(Outcome::broken(&judge(&thresholds[1..2], &measures())), None);
}

#[test]
fn a_wrong_threshold_is_told_with_what_is_allowed() {
    for (text, part) in [
        ("", "such as p99<250ms"),
        ("p99", "such as p99<250ms"),
        ("<250ms", "such as p99<250ms"),
        (
            "p75<250ms",
            "there is no metric `p75`; there are p50, p90, p95, p99, p99.9, max (latency)",
        ),
        ("lateness_p1<1ms", "there is no metric `lateness_p1`"),
        ("lateness_lateness_p50<1ms", "there is no metric"),
        ("lateness_error_rate<1%", "there is no metric"),
        ("p99<250", "us, ms and s"),
        ("p99<1%", "us, ms and s"),
        ("p99<-1ms", "us, ms and s"),
        ("p99==1ms", "such as p99<250ms"),
        ("p99<<1ms", "`<1ms` is no limit for p99"),
        ("p99<1.2.3ms", "us, ms and s"),
        ("error_rate<5", "a percentage such as 1%"),
        ("error_rate<1ms", "a percentage such as 1%"),
        ("achieved_rate>500%", "without a unit"),
        ("achieved_rate>inf", "without a unit"),
        ("achieved_rate>ß", "without a unit"),
    ] {
        let error = text.parse::<Threshold>().unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    let too_long = format!("achieved_rate<{}", "9".repeat(400));
    assert!(too_long.parse::<Threshold>().is_err());
}

fn thresholds() -> impl Strategy<Value = Threshold> {
    let time = prop::sample::select(vec![Time::Latency, Time::Lateness, Time::Freshness]);
    let quantile = prop::sample::select(Quantile::ALL.to_vec());
    let time_units = vec![Unit::Microseconds, Unit::Milliseconds, Unit::Seconds];
    let any_limit = 0.0..1e9_f64;
    let of_times = (
        time,
        quantile,
        prop::sample::select(time_units),
        any_limit.clone(),
    )
        .prop_map(|(time, quantile, unit, limit)| (Metric::Time(time, quantile), unit, limit));
    let share = prop::sample::select(vec![Metric::ErrorRate, Metric::RetryRate]);
    let of_shares = (share, any::<bool>(), 0.0..=1.0_f64).prop_map(|(share, percent, limit)| {
        let unit = if percent { Unit::Percent } else { Unit::Plain };
        (share, unit, limit)
    });
    let of_rates = any_limit.prop_map(|limit| (Metric::AchievedRate, Unit::Plain, limit));
    let operators = vec![
        Operator::Below,
        Operator::AtMost,
        Operator::Above,
        Operator::AtLeast,
    ];
    (
        prop_oneof![of_times, of_shares, of_rates],
        prop::sample::select(operators),
    )
        .prop_map(|((metric, unit, limit), operator)| Threshold {
            metric,
            operator,
            limit,
            unit,
        })
}

proptest! {
    #[test]
    fn a_threshold_reads_back_as_itself(threshold in thresholds()) {
        prop_assert_eq!(threshold.to_string().parse(), Ok(threshold));
    }

    #[test]
    fn no_text_panics(text in "[a-z0-9_.]{0,12}[<>=]{0,3} ?[0-9.]{0,5} ?[a-zµ%]{0,3}") {
        let _ = text.parse::<Threshold>();
    }

    #[test]
    fn either_a_threshold_or_its_opposite_holds(threshold in thresholds(), failed in 0..1_000_u64) {
        let measures = Measures { failed, freshness: Some(Measured { freshness_ms: measures().latency_ms, unseen: 0 }), ..measures() };
        let opposite = match threshold.operator {
            Operator::Below => Operator::AtLeast,
            Operator::AtMost => Operator::Above,
            Operator::Above => Operator::AtMost,
            Operator::AtLeast => Operator::Below,
        };
        let both = judge(&[threshold, Threshold { operator: opposite, ..threshold }], &measures);
        prop_assert!(both[0].ok != both[1].ok);
    }
}
