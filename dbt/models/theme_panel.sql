{% set enough_firms = 'totals.n_firms >= ' ~ var('min_firms') -%}
with firms as (

    select
        *,
        n_sentences as n,
        n_positive - n_negative as net
    from {{ ref('firm_theme_panel') }}
    where status in ('measured', 'no_members')

),

sized as (

    select
        *,
        {{ sized('quarter, series_id') }}
    from firms

),

totals as (

    -- Sums of floating-point numbers are taken in the order of firms, so that the same input gives the same bytes.
    -- Sums over a theme that was not measured are null.
    select
        quarter,
        series_id,
        min(coherence) as coherence,
        min(coherence_class) as coherence_class,
        count(*) as n_firms_measured,
        case when count(n) > 0 then count_if(n > 0) end as n_firms,
        sum(n_business) as n_business,
        sum(n) as n,
        sum(n_positive) as n_positive,
        sum(n_neutral) as n_neutral,
        sum(n_negative) as n_negative,
        sum(net) as net,
        avg(attention order by firm_id) as mean_attention,
        stddev_samp(attention order by firm_id) as attention_sd,
        avg(score order by firm_id) as mean_score,
        stddev_samp(score order by firm_id) as score_sd,
        {{ cluster_sums('firm_id', condition='n > 0') }}
    from sized
    group by quarter, series_id

)

select
    links.series_id,
    links.series_name,
    links.theme_id,
    totals.coherence,
    totals.coherence_class,
    links.event,
    cast(totals.n_firms_measured as integer) as n_firms_measured,
    cast(totals.n_firms as integer) as n_firms,
    cast(totals.n_firms as double) / totals.n_firms_measured as firm_share,
    cast(totals.n_business as integer) as n_business,
    cast(totals.n as integer) as n_sentences,
    cast(totals.n as double) / totals.n_business as attention,
    totals.mean_attention,
    case when totals.n_firms_measured >= {{ var('min_firms') }} then totals.attention_sd end as attention_sd,
    cast(totals.n_positive as integer) as n_positive,
    cast(totals.n_neutral as integer) as n_neutral,
    cast(totals.n_negative as integer) as n_negative,
    case when totals.n > 0 then cast(totals.net as double) / totals.n end as score,
    {{ score_se('totals', condition=enough_firms) }} as score_se,
    {{ score_df('totals', condition=enough_firms) }} as score_df,
    totals.mean_score,
    case when {{ enough_firms }} then totals.score_sd end as score_sd,
    case
        when totals.n > 0 then cast(totals.n_n as double) / (cast(totals.n as double) * totals.n)
    end as concentration,
    -- A theme that opens its series has no past of its own.
    case when links.linked_theme is not null then 1 - links.similarity end as novelty,
    links.quarter
from {{ source('ftm', 'theme_links') }} as links
inner join totals
    on links.quarter = totals.quarter and links.series_id = totals.series_id
