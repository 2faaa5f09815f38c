{% test has_every_theme(model, themes, links) %}
-- Returns each theme of the quarter that is not in exactly one series.
select themes.quarter, themes.theme_id, count(links.series_id) as n_series
from {{ themes }} as themes
left join {{ links }} as links
    on themes.quarter = links.quarter and themes.theme_id = links.theme_id
group by themes.quarter, themes.theme_id
having count(links.series_id) <> 1
{% endtest %}
