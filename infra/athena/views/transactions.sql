-- Purchases and refunds, as archived: each row once, whatever is compacted while one reads.
-- The rows of an hour that count are those of the generation that compacted_hours names; 0 are the rows not compacted.
select e.event_id, e.schema_version, e.event_type, e.occurred_at, e.user_id, e.session_id, e.country, e.device,
       e.transaction_id, e.cart_id, e.refunded_transaction_id, e.lines, e.discount_minor, e.shipping_minor,
       e.tax_minor, e.total_minor, e.currency, e.payment_method, e.arrived_at, e.shard_id, e.sequence_number, e.dt,
       e.hour
from (
    select event_id, schema_version, event_type, occurred_at, user_id, session_id, country, device, transaction_id,
           cart_id, refunded_transaction_id, lines, discount_minor, shipping_minor, tax_minor, total_minor, currency,
           payment_method, arrived_at, shard_id, sequence_number, dt, hour, 0 as generation
    from archived_transactions
    union all
    select event_id, schema_version, event_type, occurred_at, user_id, session_id, country, device, transaction_id,
           cart_id, refunded_transaction_id, lines, discount_minor, shipping_minor, tax_minor, total_minor, currency,
           payment_method, arrived_at, shard_id, sequence_number, dt, hour, generation
    from compacted_transactions
) as e
left join compacted_hours as c on c.table_name = 'transactions' and c.dt = e.dt and c.hour = e.hour
where e.generation = coalesce(c.generation, 0)
