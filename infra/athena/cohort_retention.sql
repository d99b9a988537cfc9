-- Do customers come back? Of those with their first order in a month, how many ordered in that month and in each one since.
-- Months since: 0 is the month of the first order itself. The latest month may not be over yet.
-- Reads all days of fact_sales, as a first order may be on any of them. Months without any order are left out.
with active as (
    select user_id, cast(date_trunc('month', cast(dt as date)) as date) as month
    from fact_sales
    where not is_refund
    group by user_id, cast(date_trunc('month', cast(dt as date)) as date)
),
placed as (
    select month, min(month) over (partition by user_id) as cohort_month
    from active
),
counted as (
    select cohort_month, month, count(*) as customers
    from placed
    group by cohort_month, month
),
cohorts as (
    select cohort_month, customers as cohort_customers
    from counted
    where month = cohort_month
),
months as (
    select distinct month
    from active
)
select cohorts.cohort_month, cohort_customers,
       date_diff('month', cohorts.cohort_month, months.month) as months_since,
       coalesce(customers, 0) as customers,
       round(100 * cast(coalesce(customers, 0) as double) / cohort_customers, 2) as percent_of_cohort
from cohorts
join months on months.month >= cohorts.cohort_month
left join counted on counted.cohort_month = cohorts.cohort_month and counted.month = months.month
order by cohorts.cohort_month, months_since
