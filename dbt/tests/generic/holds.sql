{% test holds(model, condition) %}
-- Returns the rows for which the condition is false or null.
select * from {{ model }}
where not coalesce({{ condition }}, false)
{% endtest %}
