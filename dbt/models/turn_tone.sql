{{ config(materialized='ephemeral') }}
-- Each speaker turn's member sentences of a theme. A turn is of one call, section and speaker.
select
    members.quarter,
    members.theme_id,
    sentences.firm_id,
    sentences.transcript_id,
    sentences.component_id,
    any_value(sentences.section) as section,
    any_value(sentences.speaker_type) as speaker_type,
    count(*) as n,
    count_if(sentiment.label = 'positive') as n_positive,
    count_if(sentiment.label = 'negative') as n_negative
from {{ source('ftm', 'theme_sentences') }} as members
inner join {{ source('ftm', 'sentences') }} as sentences
    on members.quarter = sentences.quarter and members.sentence_id = sentences.sentence_id
inner join {{ source('ftm', 'sentence_sentiment') }} as sentiment
    on members.quarter = sentiment.quarter and members.sentence_id = sentiment.sentence_id
where members.is_member
group by
    members.quarter, members.theme_id, sentences.firm_id, sentences.transcript_id, sentences.component_id
