-- Which segments did customers go to since the snapshot before? From null: had not ordered then. To null: are there no longer.
-- A customer is a user with an order. The snapshot is the day after the last order of all.
-- Recency: days from the last order to the snapshot. Frequency: orders. Monetary: net of orders and refunds.
-- Score: 1 + floor(5 x customers that are worse / customers), so equal customers have equal scores.
-- Reads fact_sales, and customer_segments with the snapshot before, which may be empty. Without customers there are no rows.
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
now_in as (
    select user_id,
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
),
went as (
    select was.segment as from_segment, is_now.segment as to_segment, count(*) as customers
    from now_in as is_now full join customer_segments as was on was.user_id = is_now.user_id
    group by was.segment, is_now.segment
)
select snapshot_date, previous_date, from_segment, to_segment, went.customers
from went
cross join snapshot
cross join (select max(snapshot_date) as previous_date from customer_segments) as previous
where snapshot_date is not null
order by case from_segment when 'Champions' then 1 when 'Loyal' then 2 when 'Potential Loyalist' then 3 when 'New' then 4
              when 'Promising' then 5 when 'Need Attention' then 6 when 'About to Sleep' then 7
              when 'Can''t Lose' then 8 when 'At Risk' then 9 when 'Hibernating' then 10 else 11 end,
         case to_segment when 'Champions' then 1 when 'Loyal' then 2 when 'Potential Loyalist' then 3 when 'New' then 4
              when 'Promising' then 5 when 'Need Attention' then 6 when 'About to Sleep' then 7
              when 'Can''t Lose' then 8 when 'At Risk' then 9 when 'Hibernating' then 10 else 11 end
