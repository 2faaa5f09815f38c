{# What DuckDB and Athena say differently. Everything else in this project is SQL that both take alike. #}

{% macro utc_time(moment) -%}
{#- A moment as a column of the result. A view in Athena cannot have a time zone, so there it is the time in UTC, to the
    millisecond. -#}
{{ adapter.dispatch('utc_time', 'ftm')(moment) }}
{%- endmacro %}

{% macro duckdb__utc_time(moment) -%}
{{ moment }}
{%- endmacro %}

{% macro athena__utc_time(moment) -%}
cast({{ moment }} at time zone 'UTC' as timestamp(3))
{%- endmacro %}

{% macro record(fields) -%}
{#- A value with named fields; `fields`: name, expression and type of each. -#}
{{ adapter.dispatch('record', 'ftm')(fields) }}
{%- endmacro %}

{% macro duckdb__record(fields) -%}
{{ '{' }}{% for name, value, _ in fields %}'{{ name }}': {{ value }}{{ ', ' if not loop.last }}{% endfor %}{{ '}' }}
{%- endmacro %}

{% macro athena__record(fields) -%}
cast(
            row({{ fields | map(attribute=1) | join(', ') }})
            as row({% for name, _, type in fields %}{{ name }} {{ type }}{{ ', ' if not loop.last }}{% endfor %})
        )
{%- endmacro %}
