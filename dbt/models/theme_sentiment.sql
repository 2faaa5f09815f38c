{% set enough_firms = 'totals.n_firms >= ' ~ var('min_firms') -%}
with firms as (

    select
        quarter,
        theme_id,
        firm_id,
        count(distinct transcript_id) as n_calls,
        sum(n_positive) as n_positive,
        sum(n_neutral) as n_neutral,
        sum(n_negative) as n_negative,
        sum(n_sentences) as n,
        sum(n_positive) - sum(n_negative) as net
    from {{ source('ftm', 'sentiment_scores') }}
    group by quarter, theme_id, firm_id

),

sized as (

    select
        *,
        {{ sized('quarter, theme_id') }}
    from firms

),

totals as (

    select
        quarter,
        theme_id,
        count(*) as n_firms,
        sum(n_calls) as n_calls,
        sum(n_positive) as n_positive,
        sum(n_neutral) as n_neutral,
        sum(n_negative) as n_negative,
        sum(n) as n,
        {{ cluster_sums('firm_id') }}
    from sized
    group by quarter, theme_id

)

select
    totals.theme_id,
    -- A left join: a score without its theme fails the tests instead of vanishing.
    themes.name as theme_name,
    themes.n_topics,
    cast(totals.n_firms as integer) as n_firms,
    cast(totals.n_calls as integer) as n_calls,
    cast(totals.n_positive as integer) as n_positive,
    cast(totals.n_neutral as integer) as n_neutral,
    cast(totals.n_negative as integer) as n_negative,
    cast(totals.n as integer) as n_sentences,
    cast(totals.n_positive - totals.n_negative as double) / totals.n as score,
    {{ score_se('totals', condition=enough_firms) }} as score_se,
    {{ score_df('totals', condition=enough_firms) }} as score_df,
    totals.quarter
from totals
left join {{ source('ftm', 'themes') }} as themes
    on totals.quarter = themes.quarter and totals.theme_id = themes.theme_id
