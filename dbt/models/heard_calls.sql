{{ config(materialized='ephemeral') }}
-- Each call that was read, with its business sentences, and whether its themes were measured.
with business as (

    select
        sentences.quarter,
        sentences.transcript_id,
        sentences.section,
        sentences.speaker_type,
        count(*) as n
    from {{ source('ftm', 'sentences') }} as sentences
    inner join {{ source('ftm', 'sentence_kinds') }} as sentence_kinds
        on sentences.quarter = sentence_kinds.quarter and sentences.sentence_id = sentence_kinds.sentence_id
    where not sentence_kinds.is_procedural
    group by sentences.quarter, sentences.transcript_id, sentences.section, sentences.speaker_type

),

counted as (

    select
        quarter,
        transcript_id,
        {{ business_counts('n') }}
    from business
    group by quarter, transcript_id

),

calls as (

    -- All components of a call have the same call-level values.
    select
        quarter,
        transcript_id,
        firm_id,
        min(firm_name) as firm_name,
        min(permno) as permno,
        min(gvkey) as gvkey,
        min(call_at) as call_at,
        min(call_date) as call_date,
        bool_or(is_after_close) as is_after_close
    from {{ source('ftm', 'transcripts') }}
    group by quarter, transcript_id, firm_id

)

select
    calls.*,
    case
        when coalesce(counted.n_business, 0) = 0 then 'no_business'
        when firm_status.status = 'ok' then 'measured'
        else coalesce(firm_status.status, 'not_modelled')
    end as unit_status,
    coalesce(counted.n_business, 0) as n_business
    {%- for part, _ in parts() %},
    coalesce(counted.n_business_{{ part }}, 0) as n_business_{{ part }}
    {%- endfor %}
from calls
left join counted
    on calls.quarter = counted.quarter and calls.transcript_id = counted.transcript_id
left join {{ source('ftm', 'firm_status') }} as firm_status
    on calls.quarter = firm_status.quarter and calls.firm_id = firm_status.firm_id
