with firms as (

    -- A name or a link may change between two calls: the last call speaks for the quarter. A firm is measured if one of
    -- its calls is.
    select
        quarter,
        firm_id,
        last(firm_name order by call_date, transcript_id) as firm_name,
        last(permno order by call_date, transcript_id) as permno,
        last(gvkey order by call_date, transcript_id) as gvkey,
        min(call_date) as first_call_date,
        first(call_at order by call_date, call_at, transcript_id) as first_call_at,
        first(is_after_close order by call_date, call_at, transcript_id) as is_after_close,
        count(*) as n_calls,
        coalesce(max(status) filter (status <> 'no_business'), 'no_business') as status,
        sum(n_business) as n_business
        {%- for part, _ in parts() %},
        sum(n_business_{{ part }}) as n_business_{{ part }}
        {%- endfor %}
    from {{ ref('heard_calls') }}
    group by quarter, firm_id

),

tone as (

    select
        quarter,
        theme_id,
        firm_id,
        {{ tone_counts() }}
    from {{ ref('turn_tone') }}
    group by quarter, theme_id, firm_id

),

previous as (

    -- The latest quarter before, of those staged, in which the firm was measured.
    select
        firm_id,
        max(quarter) as quarter,
        max_by(n_sentences, quarter) as n_business
    from {{ source('earlier', 'firm_status') }}
    where status = 'ok'
    group by firm_id

),

tone_then as (

    select
        scores.quarter,
        links.series_id,
        scores.firm_id,
        sum(scores.n_sentences) as n,
        sum(scores.n_positive - scores.n_negative) as net
    from {{ source('earlier', 'sentiment_scores') }} as scores
    inner join {{ source('earlier', 'theme_links') }} as links
        on scores.quarter = links.quarter and scores.theme_id = links.theme_id
    group by scores.quarter, links.series_id, scores.firm_id

),

series_then as (

    select distinct quarter, series_id from {{ source('earlier', 'theme_links') }}

),

measured as (

    select
        links.series_id,
        links.series_name,
        links.theme_id,
        firms.firm_id,
        firms.firm_name,
        firms.permno,
        firms.gvkey,
        firms.first_call_date,
        firms.first_call_at,
        firms.is_after_close,
        cast(firms.n_calls as integer) as n_calls,
        {{ measures('firms', 'tone') }},
        -- Joined by equality alone: another condition in an outer join would compare each row with each firm.
        case when firms.status = 'measured' then previous.quarter end as previous_quarter,
        previous.n_business as n_business_then,
        firms.quarter
    from firms
    left join previous
        on firms.firm_id = previous.firm_id
    inner join {{ source('ftm', 'theme_links') }} as links
        on firms.quarter = links.quarter
    left join tone
        on
            firms.quarter = tone.quarter
            and links.theme_id = tone.theme_id
            and firms.firm_id = tone.firm_id

)

select
    measured.* exclude (quarter, n_business_then),
    -- A series without a theme in the previous quarter was not measured then: no change.
    case
        when series_then.series_id is not null
            then measured.attention - coalesce(cast(tone_then.n as double), 0) / measured.n_business_then
    end as attention_change,
    measured.score - cast(tone_then.net as double) / tone_then.n as score_change,
    measured.quarter
from measured
left join series_then
    on measured.previous_quarter = series_then.quarter and measured.series_id = series_then.series_id
left join tone_then
    on
        measured.previous_quarter = tone_then.quarter
        and measured.series_id = tone_then.series_id
        and measured.firm_id = tone_then.firm_id
