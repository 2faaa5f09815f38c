with calls as (

    select * from {{ ref('heard_calls') }}

),

tone as (

    select
        quarter,
        theme_id,
        transcript_id,
        {{ tone_counts() }}
    from {{ ref('turn_tone') }}
    group by quarter, theme_id, transcript_id

)

select
    links.series_id,
    links.series_name,
    links.theme_id,
    calls.transcript_id,
    calls.firm_id,
    calls.firm_name,
    calls.permno,
    calls.gvkey,
    calls.call_date,
    calls.call_at,
    calls.is_after_close,
    {{ measures('calls', 'tone') }},
    calls.quarter
from calls
inner join {{ source('ftm', 'theme_links') }} as links
    on calls.quarter = links.quarter
left join tone
    on
        calls.quarter = tone.quarter
        and links.theme_id = tone.theme_id
        and calls.transcript_id = tone.transcript_id
