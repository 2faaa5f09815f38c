{{ config(materialized='ephemeral') }}
{% set members -%}
(
    select quarter, theme_id, sentence_id from {{ source('ftm', 'theme_sentences') }} where is_member
)
{%- endset %}
{{ turn_tone('theme_id', members) }}
