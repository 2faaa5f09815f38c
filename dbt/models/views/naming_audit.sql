{% set audited -%}
outcome,
    reason,
    model,
    prompt_version,
    is_cached,
    n_attempts,
    tokens_in,
    tokens_out,
    seconds,
    cost,
    {{ utc_time('answered_at') }} as answered_at,
    quarter
{%- endset -%}
select
    topic_id,
    cast(null as varchar) as theme_id,
    firm_id,
    {{ audited }}
from {{ source('ftm', 'topic_naming_audit') }}
union all
select
    cast(null as varchar) as topic_id,
    theme_id,
    cast(null as varchar) as firm_id,
    {{ audited }}
from {{ source('ftm', 'theme_naming_audit') }}
