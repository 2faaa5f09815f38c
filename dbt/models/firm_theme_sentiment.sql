with scores as (

    select * from {{ source('ftm', 'sentiment_scores') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by quarter, firm_id
            order by call_date desc, transcript_id desc, theme_id
        ) as recency,
        min(call_date) over (partition by quarter, firm_id) as first_call_date
    from scores

),

firms as (

    -- A name or a link may change between two calls: the last call speaks for the quarter, in every theme.
    select quarter, firm_id, firm_name, permno, gvkey, first_call_date
    from ranked
    where recency = 1

),

totals as (

    select
        quarter,
        theme_id,
        firm_id,
        count(*) as n_calls,
        sum(n_positive) as n_positive,
        sum(n_neutral) as n_neutral,
        sum(n_negative) as n_negative,
        sum(n_sentences) as n_sentences
    from scores
    group by quarter, theme_id, firm_id

),

sized as (

    select
        *,
        {{ sized('quarter, theme_id, firm_id') }}
    from {{ ref('turn_tone') }}

),

turns as (

    select
        quarter,
        theme_id,
        firm_id,
        count(*) as n_turns,
        sum(n) as n,
        {{ cluster_sums('component_id') }}
    from sized
    group by quarter, theme_id, firm_id

)

select
    totals.theme_id,
    -- A left join: a score without its theme fails the tests instead of vanishing.
    themes.name as theme_name,
    totals.firm_id,
    firms.firm_name,
    firms.permno,
    firms.gvkey,
    firms.first_call_date,
    cast(totals.n_calls as integer) as n_calls,
    cast(totals.n_positive as integer) as n_positive,
    cast(totals.n_neutral as integer) as n_neutral,
    cast(totals.n_negative as integer) as n_negative,
    cast(totals.n_sentences as integer) as n_sentences,
    cast(totals.n_positive - totals.n_negative as double) / totals.n_sentences as score,
    {{ score_se('turns') }} as score_se,
    {{ score_df('turns') }} as score_df,
    -- Left joins: scores whose turns are not found fail the tests instead of vanishing.
    cast(turns.n_turns as integer) as n_turns,
    totals.quarter
from totals
inner join firms
    on totals.quarter = firms.quarter and totals.firm_id = firms.firm_id
left join turns
    on
        totals.quarter = turns.quarter
        and totals.theme_id = turns.theme_id
        and totals.firm_id = turns.firm_id
left join {{ source('ftm', 'themes') }} as themes
    on totals.quarter = themes.quarter and totals.theme_id = themes.theme_id
