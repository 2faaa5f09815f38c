{# The standard error of a score whose sentences are alike within clusters (speaker turns, firms): CR2, with degrees of
   freedom by Bell and McCaffrey, as the contract of sentiment_scores gives them and methods/scores.py computes them.

   A cluster is a row of `n` sentences and `net`, the positive less the negative ones. `sized` gives each row the totals
   of its cell, `cluster_sums` sums the rows of a cell, `score_se` and `score_df` make the columns of the sums. #}

{% macro within(value, condition) -%}
{#- A value where the condition holds, else null, which sums and counts leave out: Athena filters no window. -#}
{{ value if condition == 'true' else 'case when ' ~ condition ~ ' then ' ~ value ~ ' end' }}
{%- endmacro %}

{% macro sized(cell, parts=[('', 'true')]) -%}
{#- The totals of a row's cell. `cell`: the columns that tell cells apart; `parts`: suffix and condition of each part. -#}
{%- for suffix, condition in parts %}
sum({{ within('n', condition) }}) over (partition by {{ cell }}) as size{{ suffix }},
        sum({{ within('net', condition) }}) over (partition by {{ cell }}) as total{{ suffix }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro %}

{% macro cluster_sums(order, suffix='', condition='true') -%}
{#- Sums over the clusters of a cell. Sums of floating-point numbers are taken in an order, so that the same input gives
    the same bytes. A cell of one cluster has size = n, and null sums. -#}
{%- set share = 'n * n / cast(nullif(size' ~ suffix ~ ' - n, 0) as double)' %}
{%- set off = 'cast(net * size' ~ suffix ~ ' - total' ~ suffix ~ ' * n as double)' %}
{%- set off_2 = off ~ ' * ' ~ off ~ ' / nullif(size' ~ suffix ~ ' - n, 0)' -%}
sum({{ within(off_2, condition) }} order by {{ order }}) as off{{ suffix }},
        sum({{ within('n * n', condition) }}) as n_n{{ suffix }},
        sum({{ within(share, condition) }} order by {{ order }}) as spread{{ suffix }},
        sum({{ within(share ~ ' * (' ~ share ~ ')', condition) }} order by {{ order }}) as spread_2{{ suffix }}
{%- endmacro %}

{% macro score_se(cell, suffix='', condition='true') -%}
{#- Null for one cluster, for clusters whose means do not differ, and where the condition does not hold. -#}
case
        when {{ condition }} and {{ cell }}.off{{ suffix }} > 0
            then sqrt({{ cell }}.off{{ suffix }} / {{ cell }}.n{{ suffix }}) / {{ cell }}.n{{ suffix }}
    end
{%- endmacro %}

{% macro score_df(cell, suffix='', condition='true') -%}
case
        when {{ condition }} and {{ cell }}.off{{ suffix }} > 0
            then
                cast({{ cell }}.n{{ suffix }} as double) * {{ cell }}.n{{ suffix }}
                / (
                    {{ cell }}.n_n{{ suffix }} + {{ cell }}.spread{{ suffix }} * {{ cell }}.spread{{ suffix }}
                    - {{ cell }}.spread_2{{ suffix }}
                )
    end
{%- endmacro %}
