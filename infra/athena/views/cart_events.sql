-- Changes of carts, and checkouts, as archived: each row once, whatever is compacted while one reads.
-- The rows of an hour that count are those of the generation that compacted_hours names; 0 are the rows not compacted.
select e.event_id, e.schema_version, e.event_type, e.occurred_at, e.user_id, e.session_id, e.country, e.device,
       e.cart_id, e.product_id, e.category, e.quantity, e.unit_price_minor, e.items, e.cart_total_minor, e.arrived_at,
       e.shard_id, e.sequence_number, e.dt, e.hour
from (
    select event_id, schema_version, event_type, occurred_at, user_id, session_id, country, device, cart_id,
           product_id, category, quantity, unit_price_minor, items, cart_total_minor, arrived_at, shard_id,
           sequence_number, dt, hour, 0 as generation
    from archived_cart_events
    union all
    select event_id, schema_version, event_type, occurred_at, user_id, session_id, country, device, cart_id,
           product_id, category, quantity, unit_price_minor, items, cart_total_minor, arrived_at, shard_id,
           sequence_number, dt, hour, generation
    from compacted_cart_events
) as e
left join compacted_hours as c on c.table_name = 'cart_events' and c.dt = e.dt and c.hour = e.hour
where e.generation = coalesce(c.generation, 0)
