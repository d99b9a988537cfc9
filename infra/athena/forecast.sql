-- What should the next 14 days bring, and how far off may that be?
-- Mean error: how far a week's forecast was off a day, tested on the latest days; null with too few days to test it on.
-- Scaled error: that, over the error of forecasting each day by the day before; below 1 is better than that.
select sales_forecast.date,
       cast(net_revenue_minor / 100.00 as decimal(18, 2)) as net_revenue,
       cast(mean_absolute_error_minor / 100 as decimal(18, 2)) as mean_error,
       round(scaled_error, 3) as scaled_error,
       days as tested_days
from sales_forecast
left join sales_forecast_error on true
order by sales_forecast.date
