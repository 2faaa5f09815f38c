{% macro turn_tone(key, members) -%}
{#- Each speaker turn's member sentences of a theme or series: `members` has quarter, `key` and sentence_id. A turn is of
    one call, section and speaker. -#}
select
    members.quarter,
    members.{{ key }},
    sentences.firm_id,
    sentences.transcript_id,
    sentences.component_id,
    min(sentences.section) as section,
    min(sentences.speaker_type) as speaker_type,
    count(*) as n,
    count_if(sentiment.label = 'positive') as n_positive,
    count_if(sentiment.label = 'negative') as n_negative,
    count_if(sentiment.label = 'positive') - count_if(sentiment.label = 'negative') as net
from {{ members }} as members
inner join {{ source('ftm', 'sentences') }} as sentences
    on members.quarter = sentences.quarter and members.sentence_id = sentences.sentence_id
inner join {{ source('ftm', 'sentence_sentiment') }} as sentiment
    on members.quarter = sentiment.quarter and members.sentence_id = sentiment.sentence_id
group by
    members.quarter, members.{{ key }}, sentences.firm_id, sentences.transcript_id, sentences.component_id
{%- endmacro %}
