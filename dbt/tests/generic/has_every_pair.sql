{% test has_every_pair(model, unit, units, themes, key='theme_id') %}
-- Returns each unit (a firm, a call) and theme of the quarter that has no row in the model.
select expected.quarter, expected.{{ unit }}, expected.{{ key }}
from (
    select read.quarter, read.{{ unit }}, themes.{{ key }}
    from (select distinct quarter, {{ unit }} from {{ units }}) as read
    inner join {{ themes }} as themes on read.quarter = themes.quarter
) as expected
left join {{ model }} as found
    on
        expected.quarter = found.quarter
        and expected.{{ unit }} = found.{{ unit }}
        and expected.{{ key }} = found.{{ key }}
where found.{{ key }} is null
{% endtest %}
