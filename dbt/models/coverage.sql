with linked as (

    -- The components of a call agree about its link.
    select quarter, transcript_id, firm_id, max(permno) is not null as has_permno
    from {{ source('ftm', 'transcripts') }}
    group by quarter, transcript_id, firm_id

),

memberships as (

    -- A sentence is scored if it is a member of its topic's theme, or of a second one.
    select
        quarter,
        sentence_id,
        bool_or(is_member) as is_scored,
        min(case when not is_second then reason end) as reason
    from {{ source('ftm', 'theme_sentences') }}
    group by quarter, sentence_id

),

said as (

    -- Each sentence, and the step at which it was lost: as procedural, in no topic, in a topic without a theme, as no
    -- member of the theme. 8: at none.
    select
        sentences.quarter,
        sentences.transcript_id,
        sentences.firm_id,
        case
            when sentence_kinds.is_procedural then 4
            when sentence_topics.topic_id is null then 5
            when theme_topics.theme_id is null then 6
            when not coalesce(memberships.is_scored, false) then 7
            else 8
        end as lost_at,
        case
            when sentence_kinds.is_procedural then 'procedural'
            when sentence_topics.topic_id is null
                then
                    case
                        when firm_status.status = 'ok' then 'in no topic'
                        else coalesce('firm ' || replace(firm_status.status, '_', ' '), 'firm not modelled')
                    end
            -- Older versions wrote the detail into the reason, after a colon.
            when theme_topics.theme_id is null then coalesce(split_part(theme_topics.reason, ':', 1), 'in no theme')
            when not coalesce(memberships.is_scored, false) then coalesce(memberships.reason, 'no member')
        end as outcome
    from {{ source('ftm', 'sentences') }} as sentences
    left join {{ source('ftm', 'sentence_kinds') }} as sentence_kinds
        on sentences.quarter = sentence_kinds.quarter and sentences.sentence_id = sentence_kinds.sentence_id
    left join {{ source('ftm', 'sentence_topics') }} as sentence_topics
        on sentences.quarter = sentence_topics.quarter and sentences.sentence_id = sentence_topics.sentence_id
    left join {{ source('ftm', 'theme_topics') }} as theme_topics
        on sentence_topics.quarter = theme_topics.quarter and sentence_topics.topic_id = theme_topics.topic_id
    left join memberships
        on sentences.quarter = memberships.quarter and sentences.sentence_id = memberships.sentence_id
    left join {{ source('ftm', 'firm_status') }} as firm_status
        on sentences.quarter = firm_status.quarter and sentences.firm_id = firm_status.firm_id

),

losses as (

    -- A call's sentences lost, by step and reason; `rank` 1: the reason of most of them, which speaks for the call.
    select
        quarter,
        transcript_id,
        firm_id,
        lost_at as position,
        outcome,
        count(*) as n,
        row_number() over (
            partition by quarter, transcript_id, firm_id, lost_at order by count(*) desc, outcome
        ) as rank
    from said
    where lost_at < 8
    group by quarter, transcript_id, firm_id, lost_at, outcome

),

main_losses as (

    select
        quarter,
        transcript_id,
        firm_id,
        max(case when position = 5 then outcome end) as no_topic,
        max(case when position = 6 then outcome end) as no_theme,
        max(case when position = 7 then outcome end) as no_member
    from losses
    where rank = 1
    group by quarter, transcript_id, firm_id

),

spoken as (

    select
        quarter,
        transcript_id,
        firm_id,
        count(*) as n_sentences,
        count_if(lost_at > 4) as n_business,
        count_if(lost_at > 5) as n_in_topics,
        count_if(lost_at > 6) as n_in_themes,
        count_if(lost_at > 7) as n_members
    from said
    group by quarter, transcript_id, firm_id

),

scored as (

    select distinct quarter, transcript_id, firm_id
    from {{ source('ftm', 'sentiment_scores') }}

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
        case when scored.transcript_id is not null then coalesce(spoken.n_members, 0) else 0 end as n_scored,
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
            when spoken.n_business = 0 then 'procedural'
        end as lost_sentences,
        case when spoken.n_in_topics = 0 then main_losses.no_topic end as lost_topics,
        case when spoken.n_in_themes = 0 then main_losses.no_theme end as lost_themes,
        case
            when scored.transcript_id is null
                then case when spoken.n_members = 0 then coalesce(main_losses.no_member, 'no score') else 'no score' end
        end as lost_scores
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
    left join main_losses
        on
            offered.quarter = main_losses.quarter
            and offered.transcript_id = main_losses.transcript_id
            and offered.firm_id = main_losses.firm_id

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

    -- What became of each call at each step that it reached; `n`: its sentences with that outcome.
    select *, 0 as position, 'seen' as step, 'offered by the source' as outcome, n_sentences as n
    from reached
    union all
    select *, 1, 'selection', coalesce(lost_selection, 'to be read'), n_sentences
    from reached
    union all
    select *, 2, 'version', coalesce(lost_version, 'one version of each call'), n_sentences
    from reached
    where lost_at >= 2
    union all
    select
        *, 3, 'link', coalesce(lost_link, case when has_permno then 'linked' else 'kept without a PERMNO' end),
        n_sentences
    from reached
    where lost_at >= 3
    union all
    select *, 4, 'sentences', coalesce(lost_sentences, 'has sentences'), n_business
    from reached
    where lost_at >= 4
    union all
    select *, 5, 'topics', coalesce(lost_topics, 'in a topic'), n_in_topics
    from reached
    where lost_at >= 5
    union all
    select *, 6, 'themes', coalesce(lost_themes, 'in a theme'), n_in_themes
    from reached
    where lost_at >= 6
    union all
    select *, 7, 'scores', coalesce(lost_scores, 'scored'), n_scored
    from reached
    where lost_at >= 7

),

counted as (

    select
        quarter,
        position,
        step,
        outcome,
        lost_at = position as is_lost,
        count(*) as n_calls,
        count(distinct firm_id) as n_firms,
        count(distinct case when firm_lost_at = position then firm_id end) as n_firms_lost,
        sum(n) as n_sentences
    from outcomes
    group by quarter, position, step, outcome, lost_at = position
    union all
    -- Sentences lost, each by its own reason, whether or not the call goes on.
    select
        losses.quarter,
        losses.position,
        case losses.position when 4 then 'sentences' when 5 then 'topics' when 6 then 'themes' else 'scores' end,
        losses.outcome,
        true,
        0,
        0,
        0,
        sum(losses.n)
    from losses
    inner join reached
        on
            losses.quarter = reached.quarter
            and losses.transcript_id = reached.transcript_id
            and losses.firm_id = reached.firm_id
            and losses.position <= reached.lost_at
    group by losses.quarter, losses.position, losses.outcome
    union all
    -- Members without a score: of calls that sentiment_scores lacks.
    select reached.quarter, 7, 'scores', 'no score', true, 0, 0, 0, sum(spoken.n_members - reached.n_scored)
    from reached
    inner join spoken
        on
            reached.quarter = spoken.quarter
            and reached.transcript_id = spoken.transcript_id
            and reached.firm_id = spoken.firm_id
    where reached.lost_at >= 7 and spoken.n_members <> reached.n_scored
    group by reached.quarter

)

select
    step,
    position,
    outcome,
    is_lost,
    cast(sum(n_calls) as integer) as n_calls,
    cast(sum(n_firms) as integer) as n_firms,
    cast(sum(n_firms_lost) as integer) as n_firms_lost,
    cast(sum(n_sentences) as integer) as n_sentences,
    cast(sum(case when is_lost and position >= 4 then n_sentences else 0 end) as integer) as n_sentences_lost,
    quarter
from counted
group by quarter, step, position, outcome, is_lost
