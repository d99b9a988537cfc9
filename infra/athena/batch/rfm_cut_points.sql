-- Where do the scores of customers begin? The worst value that has each score; null where nobody has it.
-- Reads customer_segments as of the latest snapshot, the day after the last order in fact_sales. Without customers there are no rows.
with snapshot as (
    select cast(max(cast(dt as date)) + interval '1' day as date) as snapshot_date
    from fact_sales
    where not is_refund and line_number = 1
),
scored as (
    select recency_days, frequency, monetary_minor, r, f, m
    from customer_segments
    where snapshot_date = (select snapshot_date from snapshot)
),
measures as (
    select 1 as place, 'recency' as measure, r as score, recency_days as value, -recency_days as goodness from scored
    union all
    select 2 as place, 'frequency' as measure, f as score, frequency as value, frequency as goodness from scored
    union all
    select 3 as place, 'monetary' as measure, m as score, monetary_minor as value, monetary_minor as goodness from scored
),
worst as (
    select measure, score, cast(min_by(value, goodness) as bigint) as value
    from measures
    group by measure, score
)
select snapshot_date, names.measure, scores.score, value
from (values (1, 'recency'), (2, 'frequency'), (3, 'monetary')) as names (place, measure)
cross join (values (1), (2), (3), (4), (5)) as scores (score)
cross join snapshot
left join worst on worst.measure = names.measure and worst.score = scores.score
where snapshot_date is not null
order by place, scores.score
