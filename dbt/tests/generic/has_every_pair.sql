{% test has_every_pair(model, unit, units, themes) %}
-- Returns each unit (a firm, a call) and theme of the quarter that has no row in the model.
select expected.quarter, expected.{{ unit }}, expected.theme_id
from (
    select read.quarter, read.{{ unit }}, themes.theme_id
    from (select distinct quarter, {{ unit }} from {{ units }}) as read
    inner join {{ themes }} as themes on read.quarter = themes.quarter
) as expected
left join {{ model }} as found
    on
        expected.quarter = found.quarter
        and expected.{{ unit }} = found.{{ unit }}
        and expected.theme_id = found.theme_id
where found.theme_id is null
{% endtest %}
