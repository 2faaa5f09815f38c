with units as (

    {{ firm_units() }}

),

{{ panel_ctes('series', 'firm_id') }},

previous as (

    -- The latest quarter in which the firm was measured, of the {{ var('quarters_compared') }} before.
    select
        units.quarter,
        units.firm_id,
        max(earlier.quarter) as previous_quarter,
        max_by(earlier.n_sentences, earlier.quarter) as n_business
    from units
    inner join {{ source('earlier', 'firm_status') }} as earlier
        on units.firm_id = earlier.firm_id
    where
        earlier.status = 'ok'
        and {{ number('units.quarter') }} - {{ number('earlier.quarter') }} between 1 and {{ var('quarters_compared') }}
    group by units.quarter, units.firm_id

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

)

select
    {{ theme_columns('series') }},
    {{ firm_columns() }},
    {{ measures('series') }},
    case when cells.status = 'measured' then previous.previous_quarter end as previous_quarter,
    -- A series that was not measured in the previous quarter has no change.
    case
        when series_then.series_id is not null
            then {{ attention() }} - coalesce(cast(tone_then.n as double), 0) / previous.n_business
    end as attention_change,
    {{ score() }} - cast(tone_then.net as double) / tone_then.n as score_change,
    cells.quarter
from {{ joined_cells('series', 'firm_id') }}
left join previous
    on cells.quarter = previous.quarter and cells.firm_id = previous.firm_id
left join series_then
    on previous.previous_quarter = series_then.quarter and cells.series_id = series_then.series_id
left join tone_then
    on
        previous.previous_quarter = tone_then.quarter
        and cells.series_id = tone_then.series_id
        and cells.firm_id = tone_then.firm_id
