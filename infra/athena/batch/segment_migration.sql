-- Which segments did customers go to since the snapshot before? From null: had not ordered then. To null: are there no longer.
-- Reads customer_segments: the latest snapshot, the day after the last order in fact_sales, and the one before, if there is any.
-- Without customers there are no rows.
with snapshot as (
    select cast(max(cast(dt as date)) + interval '1' day as date) as snapshot_date
    from fact_sales
    where not is_refund and line_number = 1
),
previous as (
    select max(snapshot_date) as previous_date
    from customer_segments
    where snapshot_date < (select snapshot_date from snapshot)
),
is_now as (
    select user_id, segment
    from customer_segments
    where snapshot_date = (select snapshot_date from snapshot)
),
was as (
    select user_id, segment
    from customer_segments
    where snapshot_date = (select previous_date from previous)
),
went as (
    select was.segment as from_segment, is_now.segment as to_segment, count(*) as customers
    from is_now full join was on was.user_id = is_now.user_id
    group by was.segment, is_now.segment
)
select snapshot_date, previous_date, from_segment, to_segment, customers
from went
cross join snapshot
cross join previous
where snapshot_date is not null
order by case from_segment when 'Champions' then 1 when 'Loyal' then 2 when 'Potential Loyalist' then 3 when 'New' then 4
              when 'Promising' then 5 when 'Need Attention' then 6 when 'About to Sleep' then 7
              when 'Can''t Lose' then 8 when 'At Risk' then 9 when 'Hibernating' then 10 else 11 end,
         case to_segment when 'Champions' then 1 when 'Loyal' then 2 when 'Potential Loyalist' then 3 when 'New' then 4
              when 'Promising' then 5 when 'Need Attention' then 6 when 'About to Sleep' then 7
              when 'Can''t Lose' then 8 when 'At Risk' then 9 when 'Hibernating' then 10 else 11 end
