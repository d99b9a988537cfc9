-- Where do the scores of customers begin? The worst value that has each score; null where nobody has it.
-- A customer is a user with an order. The snapshot is the day after the last order of all.
-- Recency: days from the last order to the snapshot. Frequency: orders. Monetary: net of orders and refunds.
-- Score: 1 + floor(5 x customers that are worse / customers), so equal customers have equal scores.
-- Reads fact_sales. Without customers there are no rows.
with customers as (
    select user_id,
           max(case when not is_refund and line_number = 1 then cast(dt as date) end) as last_order_date,
           count_if(not is_refund and line_number = 1) as frequency,
           cast(sum(net_minor) as bigint) as monetary_minor
    from fact_sales
    group by user_id
    having count_if(not is_refund and line_number = 1) > 0
),
snapshot as (
    select cast(max(last_order_date) + interval '1' day as date) as snapshot_date, count(*) as customers
    from customers
),
counted as (
    select user_id, snapshot_date, customers, frequency, monetary_minor,
           date_diff('day', last_order_date, snapshot_date) as recency_days,
           rank() over (order by last_order_date) - 1 as longer_ago,
           rank() over (order by frequency) - 1 as less_often,
           rank() over (order by monetary_minor) - 1 as spent_less
    from customers cross join snapshot
),
scored as (
    select user_id, snapshot_date, recency_days, frequency, monetary_minor,
           case when 5 * longer_ago >= 4 * customers then 5 when 5 * longer_ago >= 3 * customers then 4
                when 5 * longer_ago >= 2 * customers then 3 when 5 * longer_ago >= customers then 2 else 1 end as r,
           case when 5 * less_often >= 4 * customers then 5 when 5 * less_often >= 3 * customers then 4
                when 5 * less_often >= 2 * customers then 3 when 5 * less_often >= customers then 2 else 1 end as f,
           case when 5 * spent_less >= 4 * customers then 5 when 5 * spent_less >= 3 * customers then 4
                when 5 * spent_less >= 2 * customers then 3 when 5 * spent_less >= customers then 2 else 1 end as m
    from counted
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
