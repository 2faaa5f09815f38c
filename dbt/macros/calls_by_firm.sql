{# CTEs that the views of topics and sentences share. #}

{% macro calls() -%}
{#- A row per call and firm: what all turns of the call agree about. -#}
select distinct
        quarter,
        transcript_id,
        firm_id,
        firm_name,
        permno,
        gvkey,
        link_date,
        call_at,
        call_date
    from {{ source('ftm', 'transcripts') }}
{%- endmacro %}

{% macro last_calls() -%}
{#- A row per firm, from a CTE named `calls`: its last call of the quarter. -#}
select quarter, firm_id, firm_name, transcript_id
    from (
        select
            *,
            row_number() over (
                partition by quarter, firm_id order by call_at desc, transcript_id desc
            ) as recency
        from calls
    ) as ranked
    where recency = 1
{%- endmacro %}
