{# What the panels of firms and of calls measure alike: a unit (a firm's quarter, or a call) and its tone in a theme. #}

{% macro parts() -%}
{{ return([
    ('presentation', "section = 'presentation'"),
    ('q_and_a', "section = 'q_and_a'"),
    ('executive', "speaker_type = 'executive'"),
    ('analyst', "speaker_type = 'analyst'"),
]) }}
{%- endmacro %}

{% macro business_counts(n) -%}
{#- Business sentences of a unit, from rows by section and kind of speaker; `n`: the sentences of a row. -#}
coalesce(sum({{ n }}), 0) as n_business
{%- for part, condition in parts() %},
        coalesce(sum({{ n }}) filter ({{ condition }}), 0) as n_business_{{ part }}
{%- endfor %}
{%- endmacro %}

{% macro tone_counts() -%}
{#- Member sentences of a unit in a theme, from the rows of turn_tone. -#}
sum(n) as n,
        sum(n_positive) as n_positive,
        sum(n_negative) as n_negative,
        sum(n_positive - n_negative) as net,
        count(*) as n_turns,
        {{ cluster_sums('n', '(n_positive - n_negative)') }}
{%- for part, condition in parts() %},
        coalesce(sum(n) filter ({{ condition }}), 0) as n_{{ part }},
        coalesce(sum(n_positive - n_negative) filter ({{ condition }}), 0) as net_{{ part }},
        count(*) filter ({{ condition }}) as n_turns_{{ part }},
        {{ cluster_sums('n', '(n_positive - n_negative)', '_' ~ part, condition) }}
{%- endfor %}
{%- endmacro %}

{% macro measures(unit, tone) -%}
{#- The columns of a unit's row: null if the unit was not measured, zeros if it was and has no sentence in the theme. -#}
{{ unit }}.status,
    cast({{ unit }}.n_business as integer) as n_business,
    {{ _counted(unit, tone ~ '.n') }} as n_sentences,
    {{ _share(unit, tone ~ '.n', unit ~ '.n_business') }} as attention,
    {{ _counted(unit, tone ~ '.n_positive') }} as n_positive,
    {{ _counted(unit, tone ~ '.n - ' ~ tone ~ '.n_positive - ' ~ tone ~ '.n_negative') }} as n_neutral,
    {{ _counted(unit, tone ~ '.n_negative') }} as n_negative,
    case when {{ tone }}.n > 0 then cast({{ tone }}.net as double) / {{ tone }}.n end as score,
    {{ clustered_se(tone ~ '.n_turns', tone ~ '.n', tone ~ '.net') }} as score_se,
    {{ _counted(unit, tone ~ '.n_turns') }} as n_turns
{%- for part, _ in parts() %},
    cast({{ unit }}.n_business_{{ part }} as integer) as n_business_{{ part }},
    {{ _counted(unit, tone ~ '.n_' ~ part) }} as n_sentences_{{ part }},
    {{ _share(unit, tone ~ '.n_' ~ part, unit ~ '.n_business_' ~ part) }} as attention_{{ part }},
    case
        when {{ tone }}.n_{{ part }} > 0 then cast({{ tone }}.net_{{ part }} as double) / {{ tone }}.n_{{ part }}
    end as score_{{ part }},
    {{ clustered_se(tone ~ '.n_turns_' ~ part, tone ~ '.n_' ~ part, tone ~ '.net_' ~ part, '_' ~ part) }}
        as score_se_{{ part }}
{%- endfor %}
{%- endmacro %}

{% macro _counted(unit, n) -%}
cast(case when {{ unit }}.status = 'measured' then coalesce({{ n }}, 0) end as integer)
{%- endmacro %}

{% macro _share(unit, n, of) -%}
case
        when {{ unit }}.status = 'measured' and {{ of }} > 0
            then cast(coalesce({{ n }}, 0) as double) / {{ of }}
    end
{%- endmacro %}
