{% set sentence = record([
    ('sentence_id', 'members.sentence_id', 'varchar'),
    ('text', 'members.text', 'varchar'),
    ('speaker_type', 'members.speaker_type', 'varchar'),
    ('position', 'members.position', 'integer'),
]) -%}
with calls as (

    {{ calls() }}

),

last_call as (

    {{ last_calls() }}

),

pairs as (

    -- A sentence that only might have counted in a second theme does not bring its topic there.
    select distinct quarter, theme_id, firm_id, topic_id
    from {{ source('ftm', 'theme_sentences') }}
    where is_member or not is_second

),

members as (

    select
        found.quarter,
        found.theme_id,
        found.topic_id,
        said.sentence_id,
        said.text,
        said.speaker_type,
        said.position,
        said.transcript_id,
        said.component_id
    from {{ source('ftm', 'theme_sentences') }} as found
    inner join {{ source('ftm', 'sentences') }} as said
        on found.quarter = said.quarter and found.sentence_id = said.sentence_id
    where found.is_member

),

spoken as (

    select
        members.quarter,
        members.theme_id,
        members.topic_id,
        count(*) as n_sentences,
        count(distinct members.transcript_id) as n_calls,
        array_agg(
            {{ sentence }}
            order by
                calls.call_at, members.transcript_id, members.component_id, members.position, members.sentence_id
        ) as sentences
    from members
    inner join calls
        on members.quarter = calls.quarter and members.transcript_id = calls.transcript_id
    group by members.quarter, members.theme_id, members.topic_id

),

counted as (

    select quarter, theme_id, topic_id, transcript_id, count(*) as n
    from members
    group by quarter, theme_id, topic_id, transcript_id

),

ranked as (

    select
        counted.quarter,
        counted.theme_id,
        counted.topic_id,
        counted.transcript_id,
        row_number() over (
            partition by counted.quarter, counted.theme_id, counted.topic_id
            order by counted.n desc, calls.call_at desc, counted.transcript_id desc
        ) as place
    from counted
    inner join calls
        on counted.quarter = calls.quarter and counted.transcript_id = calls.transcript_id

),

main_call as (

    select quarter, theme_id, topic_id, transcript_id from ranked where place = 1

)

select
    pairs.theme_id,
    themes.name as theme_name,
    themes.description as theme_description,
    themes.keywords as theme_keywords,
    pairs.firm_id,
    calls.firm_name,
    calls.permno,
    calls.gvkey,
    calls.call_date as earnings_call_date,
    calls.link_date,
    pairs.topic_id,
    named.summary as topic_summary,
    coalesce(spoken.sentences, array[]) as sentences,
    cast(coalesce(spoken.n_sentences, 0) as integer) as n_sentences,
    cast(coalesce(spoken.n_calls, 0) as integer) as n_calls,
    pairs.quarter
from pairs
inner join last_call
    on pairs.quarter = last_call.quarter and pairs.firm_id = last_call.firm_id
left join main_call
    on pairs.quarter = main_call.quarter and pairs.theme_id = main_call.theme_id and pairs.topic_id = main_call.topic_id
left join spoken
    on pairs.quarter = spoken.quarter and pairs.theme_id = spoken.theme_id and pairs.topic_id = spoken.topic_id
inner join calls
    on
        pairs.quarter = calls.quarter
        and coalesce(main_call.transcript_id, last_call.transcript_id) = calls.transcript_id
left join {{ source('ftm', 'themes') }} as themes
    on pairs.quarter = themes.quarter and pairs.theme_id = themes.theme_id
left join {{ source('ftm', 'topic_summaries') }} as named
    on pairs.quarter = named.quarter and pairs.topic_id = named.topic_id
