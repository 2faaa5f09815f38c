{% test accounts_for_every_call(model, offered, last) %}
-- Returns each step, from 0 to `last`, whose calls are not those that the step before did not lose; the first
-- step's are the rows of `offered`.
with steps as (
    select
        quarter,
        position,
        sum(n_calls) as n_calls,
        sum(case when is_lost then 0 else n_calls end) as n_left
    from {{ model }}
    group by quarter, position
),

expected as (
    select quarter, 0 as position, count(*) as n_calls from {{ offered }} group by quarter
    union all
    select quarter, position + 1, n_left from steps where n_left > 0 and position < {{ last }}
)

select
    coalesce(steps.quarter, expected.quarter) as quarter,
    coalesce(steps.position, expected.position) as position,
    steps.n_calls,
    expected.n_calls as n_expected
from steps
full join expected on steps.quarter = expected.quarter and steps.position = expected.position
where steps.n_calls is distinct from expected.n_calls
{% endtest %}
