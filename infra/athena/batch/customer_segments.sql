-- Who are the customers? Recency, frequency and monetary value with their scores, and the segment that R and F make.
-- A customer is a user with an order. The snapshot is the day after the last order of all.
-- Recency: days from the last order to the snapshot. Frequency: orders. Monetary: net of orders and refunds.
-- Score: 1 + floor(5 x customers that are worse / customers), so equal customers have equal scores.
-- Reads fact_sales.
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
)
select user_id, snapshot_date, recency_days, frequency, monetary_minor, r, f, m,
       case when r = 5 and f >= 4 then 'Champions'
            when r >= 3 and f >= 4 then 'Loyal'
            when r >= 4 and f >= 2 then 'Potential Loyalist'
            when r = 5 then 'New'
            when r = 4 then 'Promising'
            when r = 3 and f = 3 then 'Need Attention'
            when r = 3 then 'About to Sleep'
            when f = 5 then 'Can''t Lose'
            when f >= 3 then 'At Risk'
            else 'Hibernating' end as segment
from scored
order by user_id
