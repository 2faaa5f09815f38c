-- A sentence's firm is the same in all tables, which are sorted by it. It is in each join, since DuckDB passes a filter
-- by firm on from one side to the other and then skips most of each file.
select
    found.theme_id,
    themes.name as theme_name,
    found.topic_id,
    named.name as topic_name,
    found.sentence_id,
    said.text,
    found.strength,
    found.is_member,
    found.is_second,
    found.reason,
    tone.label,
    tone.p_positive,
    tone.p_neutral,
    tone.p_negative,
    found.firm_id,
    turns.firm_name,
    turns.ticker,
    turns.permno,
    turns.gvkey,
    turns.transcript_id,
    {{ utc_time('turns.call_at') }} as call_at,
    turns.call_date,
    turns.is_after_close,
    turns.component_id,
    turns.component_order,
    said.position,
    turns.section,
    turns.speaker_type,
    turns.speaker_name,
    found.quarter
from {{ source('ftm', 'theme_sentences') }} as found
inner join {{ source('ftm', 'sentences') }} as said
    on found.quarter = said.quarter and found.firm_id = said.firm_id and found.sentence_id = said.sentence_id
inner join {{ source('ftm', 'transcripts') }} as turns
    on found.quarter = turns.quarter and found.firm_id = turns.firm_id and said.component_id = turns.component_id
left join {{ source('ftm', 'themes') }} as themes
    on found.quarter = themes.quarter and found.theme_id = themes.theme_id
left join {{ source('ftm', 'topic_summaries') }} as named
    on found.quarter = named.quarter and found.firm_id = named.firm_id and found.topic_id = named.topic_id
left join {{ source('ftm', 'sentence_sentiment') }} as tone
    on found.quarter = tone.quarter and found.sentence_id = tone.sentence_id
