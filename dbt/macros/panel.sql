{# What the panels of firms and of calls measure alike: a unit (a firm's quarter, or a call) and its tone in a theme.

   `of` says of which themes: `series`, of which each has one theme in a quarter, or `pinned`, which may have several or
   none. #}

{% macro parts() -%}
{{ return([
    ('presentation', "section = 'presentation'"),
    ('q_and_a', "section = 'q_and_a'"),
    ('executive', "speaker_type = 'executive'"),
    ('analyst', "speaker_type = 'analyst'"),
]) }}
{%- endmacro %}

{% macro suffixed_parts() -%}
{%- set found = [('', 'true')] -%}
{%- for part, condition in parts() %}{% do found.append(('_' ~ part, condition)) %}{% endfor -%}
{{ return(found) }}
{%- endmacro %}

{% macro business_counts(n) -%}
{#- Business sentences of a unit, from rows by section and kind of speaker; `n`: the sentences of a row. -#}
coalesce(sum({{ n }}), 0) as n_business
{%- for part, condition in parts() %},
        coalesce(sum({{ within(n, condition) }}), 0) as n_business_{{ part }}
{%- endfor %}
{%- endmacro %}

{% macro panel_ctes(of, unit) -%}
{#- CTEs that follow one named `units`, which has a row per unit (`unit` is its id) with unit_status and n_business:
    `cells`, a row per unit and theme, and `tone`, of those with a sentence in the theme. -#}
{%- set key = 'series_id' if of == 'pinned' else 'theme_id' -%}
turns as (

    select
        *,
        {{ sized('quarter, ' ~ key ~ ', ' ~ unit, suffixed_parts()) }}
    from {{ ref('pinned_turn_tone' if of == 'pinned' else 'turn_tone') }}

),

tone as (

    select
        quarter,
        {{ key }},
        {{ unit }},
        sum(n) as n,
        sum(n_positive) as n_positive,
        sum(n_negative) as n_negative,
        sum(net) as net,
        count(*) as n_turns,
        {{ cluster_sums('component_id') }}
        {%- for part, condition in parts() %},
        coalesce(sum({{ within('n', condition) }}), 0) as n_{{ part }},
        coalesce(sum({{ within('net', condition) }}), 0) as net_{{ part }},
        {{ cluster_sums('component_id', '_' ~ part, condition) }}
        {%- endfor %}
    from turns
    group by quarter, {{ key }}, {{ unit }}

),

{% if of == 'pinned' -%}
topics as (

    -- Sentences of the topics that link to the pinned theme, whether or not those are in a theme.
    select
        links.quarter,
        links.series_id,
        sentences.{{ unit }},
        count(*) as n
    from {{ source('ftm', 'pinned_topic_links') }} as links
    inner join {{ source('ftm', 'sentence_topics') }} as placed
        on links.quarter = placed.quarter and links.topic_id = placed.topic_id
    inner join {{ source('ftm', 'sentences') }} as sentences
        on placed.quarter = sentences.quarter and placed.sentence_id = sentences.sentence_id
    group by links.quarter, links.series_id, sentences.{{ unit }}

),

themes as (

    select quarter, series_id, series_name, n_themes
    from {{ source('ftm', 'pinned_coverage') }}

),
{%- else -%}
themes as (

    select
        links.quarter,
        links.series_id,
        links.series_name,
        links.theme_id,
        coherence.coherence,
        coherence.coherence_class
    from {{ source('ftm', 'theme_links') }} as links
    left join {{ source('ftm', 'theme_coherence') }} as coherence
        on links.quarter = coherence.quarter and links.theme_id = coherence.theme_id

),
{%- endif %}

found as (

    select distinct quarter, {{ key }} from tone

),

cells as (

    -- A theme in which no sentence of the quarter counts was not measured: its zeros would say that nobody spoke of it.
    select
        units.*,
        themes.series_id,
        themes.series_name,
        {%- if of == 'pinned' %}
        themes.n_themes,
        {%- else %}
        themes.theme_id,
        themes.coherence,
        themes.coherence_class,
        {%- endif %}
        case
            when units.unit_status = 'measured' and found.{{ key }} is null then 'no_members'
            else units.unit_status
        end as status
    from units
    inner join themes
        on units.quarter = themes.quarter
    left join found
        on themes.quarter = found.quarter and themes.{{ key }} = found.{{ key }}

)
{%- endmacro %}

{% macro joined_cells(of, unit) -%}
{#- What the columns of a panel are selected from. Joined by equality alone: another condition in an outer join would
    compare each row with each unit. -#}
{%- set key = 'series_id' if of == 'pinned' else 'theme_id' -%}
cells
left join tone
    on
        cells.quarter = tone.quarter
        and cells.{{ key }} = tone.{{ key }}
        and cells.{{ unit }} = tone.{{ unit }}
{%- if of == 'pinned' %}
left join topics
    on
        cells.quarter = topics.quarter
        and cells.series_id = topics.series_id
        and cells.{{ unit }} = topics.{{ unit }}
{%- endif %}
{%- endmacro %}

{% macro theme_columns(of) -%}
cells.series_id,
    cells.series_name,
{%- if of == 'pinned' %}
    cast(cells.n_themes as integer) as n_themes
{%- else %}
    cells.theme_id,
    cells.coherence,
    cells.coherence_class
{%- endif %}
{%- endmacro %}

{% macro measures(of) -%}
{#- The columns of a cell: null if it was not measured, zeros if it was and the unit has no sentence in the theme. -#}
cells.status,
    cast(cells.n_business as integer) as n_business,
    {{ _counted('tone.n') }} as n_sentences,
    {{ attention() }} as attention,
    {{ _counted('tone.n_positive') }} as n_positive,
    {{ _counted('tone.n - tone.n_positive - tone.n_negative') }} as n_neutral,
    {{ _counted('tone.n_negative') }} as n_negative,
    {{ score() }} as score,
    {{ score_se('tone') }} as score_se,
    {{ score_df('tone') }} as score_df,
    {{ _counted('tone.n_turns') }} as n_turns
{%- for part, _ in parts() %},
    cast(cells.n_business_{{ part }} as integer) as n_business_{{ part }},
    {{ _counted('tone.n_' ~ part) }} as n_sentences_{{ part }},
    {{ _share('tone.n_' ~ part, 'cells.n_business_' ~ part) }} as attention_{{ part }},
    case when tone.n_{{ part }} > 0 then cast(tone.net_{{ part }} as double) / tone.n_{{ part }} end as score_{{ part }},
    {{ score_se('tone', '_' ~ part) }} as score_se_{{ part }},
    {{ score_df('tone', '_' ~ part) }} as score_df_{{ part }}
{%- endfor %}
{%- if of == 'pinned' %},
    cast(case when cells.unit_status = 'measured' then coalesce(topics.n, 0) end as integer) as n_topic_sentences,
    case
        when cells.unit_status = 'measured' then cast(coalesce(topics.n, 0) as double) / cells.n_business
    end as topic_attention
{%- endif %}
{%- endmacro %}

{% macro attention() -%}
{{ _share('tone.n', 'cells.n_business') }}
{%- endmacro %}

{% macro score() -%}
case when tone.n > 0 then cast(tone.net as double) / tone.n end
{%- endmacro %}

{% macro _counted(n) -%}
cast(case when cells.status = 'measured' then coalesce({{ n }}, 0) end as integer)
{%- endmacro %}

{% macro _share(n, of) -%}
case
        when cells.status = 'measured' and {{ of }} > 0
            then cast(coalesce({{ n }}, 0) as double) / {{ of }}
    end
{%- endmacro %}

{% macro call_panel(of) -%}
with units as (

    select * from {{ ref('heard_calls') }}

),

{{ panel_ctes(of, 'transcript_id') }}

select
    {{ theme_columns(of) }},
    cells.transcript_id,
    cells.firm_id,
    cells.firm_name,
    cells.permno,
    cells.gvkey,
    cells.call_date,
    {{ utc_time('cells.call_at') }} as call_at,
    cells.is_after_close,
    {{ measures(of) }},
    cells.quarter
from {{ joined_cells(of, 'transcript_id') }}
{%- endmacro %}

{% macro firm_units() -%}
{#- A CTE's query. A name or a link may change between two calls: the last call speaks for the quarter. A firm is measured
    if one of its calls is. -#}
select
        quarter,
        firm_id,
        max(case when from_last = 1 then firm_name end) as firm_name,
        max(case when from_last = 1 then permno end) as permno,
        max(case when from_last = 1 then gvkey end) as gvkey,
        min(call_date) as first_call_date,
        max(case when from_first = 1 then call_at end) as first_call_at,
        bool_or(case when from_first = 1 then is_after_close end) as is_after_close,
        count(*) as n_calls,
        coalesce(max(case when unit_status <> 'no_business' then unit_status end), 'no_business') as unit_status,
        sum(n_business) as n_business
        {%- for part, _ in parts() %},
        sum(n_business_{{ part }}) as n_business_{{ part }}
        {%- endfor %}
    from (
        select
            *,
            row_number() over (
                partition by quarter, firm_id order by call_date desc, transcript_id desc
            ) as from_last,
            row_number() over (
                partition by quarter, firm_id order by call_date, call_at, transcript_id
            ) as from_first
        from {{ ref('heard_calls') }}
    ) as calls
    group by quarter, firm_id
{%- endmacro %}

{% macro firm_columns() -%}
cells.firm_id,
    cells.firm_name,
    cells.permno,
    cells.gvkey,
    cells.first_call_date,
    {{ utc_time('cells.first_call_at') }} as first_call_at,
    cells.is_after_close,
    cast(cells.n_calls as integer) as n_calls
{%- endmacro %}

{% macro number(quarter) -%}
{#- A quarter's number: that of the next one is one more. -#}
(cast(substr({{ quarter }}, 1, 4) as integer) * 4 + cast(substr({{ quarter }}, 6, 1) as integer))
{%- endmacro %}
