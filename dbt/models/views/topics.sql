with calls as (

    {{ calls() }}

),

last_call as (

    {{ last_calls() }}

)

select
    topics.topic_id,
    topics.firm_id,
    last_call.firm_name,
    named.name,
    named.summary,
    topics.keywords,
    topics.n_sentences,
    topics.call_share,
    placed.theme_id,
    themes.name as theme_name,
    placed.reason,
    placed.detail,
    named.naming_method,
    topics.quarter
from {{ source('ftm', 'firm_topics') }} as topics
left join last_call
    on topics.quarter = last_call.quarter and topics.firm_id = last_call.firm_id
left join {{ source('ftm', 'topic_summaries') }} as named
    on topics.quarter = named.quarter and topics.topic_id = named.topic_id
left join {{ source('ftm', 'theme_topics') }} as placed
    on topics.quarter = placed.quarter and topics.topic_id = placed.topic_id
left join {{ source('ftm', 'themes') }} as themes
    on placed.quarter = themes.quarter and placed.theme_id = themes.theme_id
