-- Which customers got worse? Moves to a worse segment, from the snapshot before the latest one to that.
-- Steps down: in the order from the best segment, Champions, to the worst, Hibernating.
-- Percent of segment: of all who were in from_segment, wherever they went.
with segments as (
    select place, segment
    from (values (1, 'Champions'), (2, 'Loyal'), (3, 'Potential Loyalist'), (4, 'New'), (5, 'Promising'),
                 (6, 'Need Attention'), (7, 'About to Sleep'), (8, 'Can''t Lose'), (9, 'At Risk'), (10, 'Hibernating'))
         as places (place, segment)
),
latest as (
    select snapshot_date, previous_date, from_segment, to_segment, customers,
           sum(customers) over (partition by from_segment) as customers_before
    from segment_migration
    where dt = (select max(dt) from segment_migration)
)
select snapshot_date, previous_date, from_segment, to_segment, customers,
       round(100 * cast(customers as double) / customers_before, 2) as percent_of_segment,
       now_in.place - was_in.place as steps_down
from latest
join segments as was_in on was_in.segment = from_segment
join segments as now_in on now_in.segment = to_segment
where now_in.place > was_in.place
order by customers desc, was_in.place, now_in.place
