{% test unique_combination(model, columns) %}
-- Returns each combination of the columns that more than one row of a quarter has.
select quarter, {{ columns | join(', ') }}, count(*) as n_rows
from {{ model }}
group by quarter, {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
