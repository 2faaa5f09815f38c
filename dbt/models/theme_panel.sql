with firms as (

    select *
    from {{ ref('firm_theme_panel') }}
    where status = 'measured'

),

totals as (

    -- Sums of floating-point numbers are taken in the order of firms, so that the same input gives the same bytes.
    select
        quarter,
        series_id,
        count(*) as n_firms_measured,
        count_if(n_sentences > 0) as n_firms,
        sum(n_business) as n_business,
        sum(n_sentences) as n_sentences,
        sum(n_positive) as n_positive,
        sum(n_neutral) as n_neutral,
        sum(n_negative) as n_negative,
        sum(n_positive - n_negative) as net,
        sum(n_sentences * n_sentences) as n_squared,
        avg(attention order by firm_id) as mean_attention,
        stddev_samp(attention order by firm_id) as attention_sd,
        avg(score order by firm_id) as mean_score,
        stddev_samp(score order by firm_id) as score_sd,
        {{ cluster_sums('cast(n_sentences as hugeint)', '(n_positive - n_negative)') }}
    from firms
    group by quarter, series_id

)

select
    links.series_id,
    links.series_name,
    links.theme_id,
    links.event,
    cast(totals.n_firms_measured as integer) as n_firms_measured,
    cast(totals.n_firms as integer) as n_firms,
    cast(totals.n_firms as double) / totals.n_firms_measured as firm_share,
    cast(totals.n_business as integer) as n_business,
    cast(totals.n_sentences as integer) as n_sentences,
    cast(totals.n_sentences as double) / totals.n_business as attention,
    totals.mean_attention,
    totals.attention_sd,
    cast(totals.n_positive as integer) as n_positive,
    cast(totals.n_neutral as integer) as n_neutral,
    cast(totals.n_negative as integer) as n_negative,
    case when totals.n_sentences > 0 then cast(totals.net as double) / totals.n_sentences end as score,
    {{ clustered_se('totals.n_firms', 'totals.n_sentences', 'totals.net') }} as score_se,
    totals.mean_score,
    totals.score_sd,
    case
        when totals.n_sentences > 0
            then cast(totals.n_squared as double) / (cast(totals.n_sentences as double) * totals.n_sentences)
    end as concentration,
    -- A theme that opens its series has no past of its own.
    case when links.linked_theme is not null then 1 - links.similarity end as novelty,
    links.quarter
from {{ source('ftm', 'theme_links') }} as links
inner join totals
    on links.quarter = totals.quarter and links.series_id = totals.series_id
