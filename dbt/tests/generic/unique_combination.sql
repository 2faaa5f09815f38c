{% test unique_combination(model, columns) %}
-- Returns each combination of the columns that more than one row has.
select {{ columns | join(', ') }}, count(*) as n_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
