with firms as (

    select
        quarter,
        theme_id,
        firm_id,
        count(distinct transcript_id) as n_calls,
        sum(n_positive) as n_positive,
        sum(n_neutral) as n_neutral,
        sum(n_negative) as n_negative,
        sum(n_sentences) as n_sentences
    from {{ source('ftm', 'sentiment_scores') }}
    group by quarter, theme_id, firm_id

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
        sum(n_sentences) as n_sentences,
        {{ cluster_sums('n_sentences', '(n_positive - n_negative)') }}
    from firms
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
    cast(totals.n_sentences as integer) as n_sentences,
    cast(totals.n_positive - totals.n_negative as double) / totals.n_sentences as score,
    {{ clustered_se('totals.n_firms', 'totals.n_sentences', '(totals.n_positive - totals.n_negative)') }} as score_se,
    totals.quarter
from totals
left join {{ source('ftm', 'themes') }} as themes
    on totals.quarter = themes.quarter and totals.theme_id = themes.theme_id
