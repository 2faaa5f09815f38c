{% test same_totals(model, to, by, columns, rows_column) %}
-- Returns each group, of the model or of `to`, whose sums differ or whose rows in `to` are not as many as
-- the model's `rows_column` says; a group that is missing on one side differs too.
{%- set sums = columns + [rows_column] %}
select {{ by | join(', ') }}{% for column in sums %}, sum({{ column }}) as {{ column }}_too_many{% endfor %}
from (
    select {{ by | join(', ') }}{% for column in sums %}, {{ column }}{% endfor %} from {{ model }}
    union all
    select {{ by | join(', ') }}{% for column in columns %}, -{{ column }}{% endfor %}, -1 from {{ to }}
) as both_sides
group by {{ by | join(', ') }}
having {% for column in sums %}sum({{ column }}) <> 0{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
