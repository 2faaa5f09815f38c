with linked as (

    -- The components of a call agree about its link.
    select quarter, transcript_id, firm_id, max(permno) is not null as has_permno
    from {{ source('ftm', 'transcripts') }}
    group by quarter, transcript_id, firm_id

),

spoken as (

    select
        sentences.quarter,
        sentences.transcript_id,
        sentences.firm_id,
        count(*) as n_sentences,
        count_if(not sentences.is_procedural) as n_business,
        count(sentence_topics.topic_id) as n_in_topics,
        count(theme_topics.theme_id) as n_in_themes,
        -- The first reason by the alphabet speaks for the call.
        min(theme_topics.reason) as refusal
    from {{ source('ftm', 'sentences') }} as sentences
    left join {{ source('ftm', 'sentence_topics') }} as sentence_topics
        on sentences.quarter = sentence_topics.quarter and sentences.sentence_id = sentence_topics.sentence_id
    left join {{ source('ftm', 'theme_topics') }} as theme_topics
        on sentence_topics.quarter = theme_topics.quarter and sentence_topics.topic_id = theme_topics.topic_id
    group by sentences.quarter, sentences.transcript_id, sentences.firm_id

),

scored as (

    select quarter, transcript_id, firm_id, sum(n_sentences) as n_scored
    from {{ source('ftm', 'sentiment_scores') }}
    group by quarter, transcript_id, firm_id

),

calls as (

    -- Null where the call was not lost at that step; what comes after a loss does not count.
    select
        offered.quarter,
        offered.transcript_id,
        offered.firm_id,
        linked.has_permno,
        coalesce(spoken.n_sentences, 0) as n_sentences,
        coalesce(spoken.n_business, 0) as n_business,
        coalesce(spoken.n_in_topics, 0) as n_in_topics,
        coalesce(spoken.n_in_themes, 0) as n_in_themes,
        coalesce(scored.n_scored, 0) as n_scored,
        case
            when offered.status in ('excluded', 'other_event', 'other_company', 'other_language')
                then replace(offered.status, '_', ' ')
        end as lost_selection,
        case when offered.status in ('superseded', 'duplicate', 'empty') then offered.status end as lost_version,
        case
            when offered.status = 'unlinked' then coalesce(split_part(offered.reason, ':', 1), 'unlinked')
        end as lost_link,
        case
            when spoken.transcript_id is null then 'only the operator spoke'
            when spoken.n_business = 0 then 'only procedural sentences'
        end as lost_sentences,
        case
            when spoken.n_in_topics > 0 then null
            when firm_status.status = 'ok' then 'sentences in no topic'
            else coalesce('firm ' || replace(firm_status.status, '_', ' '), 'firm not modelled')
        end as lost_topics,
        case when spoken.n_in_themes = 0 then coalesce(spoken.refusal, 'topics in no theme') end as lost_themes,
        case when scored.transcript_id is null then 'no score' end as lost_scores
    from {{ source('ftm', 'transcript_audit') }} as offered
    -- A transcript that is listed for several companies has a row for each, and is kept for one.
    left join linked
        on
            offered.quarter = linked.quarter
            and offered.transcript_id = linked.transcript_id
            and offered.firm_id = linked.firm_id
    left join spoken
        on
            offered.quarter = spoken.quarter
            and offered.transcript_id = spoken.transcript_id
            and offered.firm_id = spoken.firm_id
    left join scored
        on
            offered.quarter = scored.quarter
            and offered.transcript_id = scored.transcript_id
            and offered.firm_id = scored.firm_id
    left join {{ source('ftm', 'firm_status') }} as firm_status
        on offered.quarter = firm_status.quarter and offered.firm_id = firm_status.firm_id

),

ended as (

    -- The step at which a call was lost; 8: at none.
    select
        *,
        case
            when lost_selection is not null then 1
            when lost_version is not null then 2
            when lost_link is not null then 3
            when lost_sentences is not null then 4
            when lost_topics is not null then 5
            when lost_themes is not null then 6
            when lost_scores is not null then 7
            else 8
        end as lost_at
    from calls

),

reached as (

    select *, max(lost_at) over (partition by quarter, firm_id) as firm_lost_at from ended

),

outcomes as (

    -- `n` sentences of the call reach the step, `n_left` the next one.
    select *, 0 as position, 'seen' as step, 'offered by the source' as outcome, n_sentences as n, n_sentences as n_left
    from reached
    union all
    select *, 1, 'selection', coalesce(lost_selection, 'to be read'), n_sentences, n_sentences
    from reached
    union all
    select *, 2, 'version', coalesce(lost_version, 'one version of each call'), n_sentences, n_sentences
    from reached
    where lost_at >= 2
    union all
    select
        *, 3, 'link', coalesce(lost_link, case when has_permno then 'linked' else 'kept without a PERMNO' end),
        n_sentences, n_sentences
    from reached
    where lost_at >= 3
    union all
    select *, 4, 'sentences', coalesce(lost_sentences, 'has sentences'), n_sentences, n_business
    from reached
    where lost_at >= 4
    union all
    select *, 5, 'topics', coalesce(lost_topics, 'in a topic'), n_business, n_in_topics
    from reached
    where lost_at >= 5
    union all
    select *, 6, 'themes', coalesce(lost_themes, 'in a theme'), n_in_topics, n_in_themes
    from reached
    where lost_at >= 6
    union all
    select *, 7, 'scores', coalesce(lost_scores, 'scored'), n_in_themes, n_scored
    from reached
    where lost_at >= 7

)

select
    step,
    position,
    outcome,
    lost_at = position as is_lost,
    cast(count(*) as integer) as n_calls,
    cast(count(distinct firm_id) as integer) as n_firms,
    cast(count(distinct case when firm_lost_at = position then firm_id end) as integer) as n_firms_lost,
    cast(sum(n) as integer) as n_sentences,
    cast(sum(n - n_left) as integer) as n_sentences_lost,
    quarter
from outcomes
group by quarter, step, position, outcome, lost_at = position
