with units as (

    {{ firm_units() }}

),

{{ panel_ctes('series', 'firm_id') }},

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

    -- Those with a member sentence: the others were not measured.
    select distinct quarter, series_id from tone_then

),

measured as (

    select
        {{ theme_columns('series') }},
        {{ firm_columns() }},
        {{ measures('series') }},
        case when cells.status = 'measured' then previous.quarter end as previous_quarter,
        previous.n_business as n_business_then,
        cells.quarter
    from {{ joined_cells('series', 'firm_id') }}
    left join previous
        on cells.firm_id = previous.firm_id

)

select
    measured.* exclude (quarter, n_business_then),
    -- A series that was not measured in the previous quarter has no change.
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
