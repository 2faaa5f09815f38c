{% test same_totals(model, to, by, columns, rows_column=none) %}
-- Returns each group of a quarter, of the model or of `to`, whose sums differ, a null being 0, or whose rows in `to` are not as many
-- as the model's `rows_column` says; a group that is missing on one side counts as 0 there.
{%- set sums = columns + ([rows_column] if rows_column else []) %}
select quarter, {{ by | join(', ') }}{% for column in sums %}, sum({{ column }}) as {{ column }}_too_many{% endfor %}
from (
    select quarter, {{ by | join(', ') }}{% for column in sums %}, coalesce({{ column }}, 0) as {{ column }}{% endfor %}
    from {{ model }}
    union all
    select
        quarter, {{ by | join(', ') }}
        {%- for column in columns %}, -coalesce({{ column }}, 0){% endfor %}{{ ', -1' if rows_column }}
    from {{ to }}
) as both_sides
group by quarter, {{ by | join(', ') }}
having {% for column in sums %}sum({{ column }}) <> 0{{ ' or ' if not loop.last }}{% endfor %}
{% endtest %}
