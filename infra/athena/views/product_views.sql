-- Everything looked at, as archived: each row once, whatever is compacted while one reads.
-- The rows of an hour that count are those of the generation that compacted_hours names; 0 are the rows not compacted.
select e.event_id, e.schema_version, e.event_type, e.occurred_at, e.user_id, e.session_id, e.country, e.device,
       e.product_id, e.category, e.price_minor, e.query, e.results, e.filters, e.product_ids, e.arrived_at, e.shard_id,
       e.sequence_number, e.dt, e.hour
from (
    select event_id, schema_version, event_type, occurred_at, user_id, session_id, country, device, product_id,
           category, price_minor, query, results, filters, product_ids, arrived_at, shard_id, sequence_number, dt,
           hour, 0 as generation
    from archived_product_views
    union all
    select event_id, schema_version, event_type, occurred_at, user_id, session_id, country, device, product_id,
           category, price_minor, query, results, filters, product_ids, arrived_at, shard_id, sequence_number, dt,
           hour, generation
    from compacted_product_views
) as e
left join compacted_hours as c on c.table_name = 'product_views' and c.dt = e.dt and c.hour = e.hour
where e.generation = coalesce(c.generation, 0)
