{{ config(materialized='ephemeral') }}
-- A sentence that is a member of two themes of a pinned theme counts once.
{% set members -%}
(
    select distinct found.quarter, links.series_id, found.sentence_id
    from {{ source('ftm', 'theme_sentences') }} as found
    inner join {{ source('ftm', 'pinned_theme_links') }} as links
        on found.quarter = links.quarter and found.theme_id = links.theme_id
    where found.is_member
)
{%- endset %}
{{ turn_tone('series_id', members) }}
