{% test shares_of_one(model, unit, sentences, members) %}
-- Returns each unit (a firm, a call) with more sentences in all themes together than business sentences. A sentence that
-- is a member of a second theme too may count twice.
with seconds as (
    select sentences.quarter, sentences.{{ unit }}, count(*) as n
    from {{ members }} as members
    inner join {{ sentences }} as sentences
        on members.quarter = sentences.quarter and members.sentence_id = sentences.sentence_id
    where members.is_member and members.is_second
    group by sentences.quarter, sentences.{{ unit }}
)

select found.quarter, found.{{ unit }}, found.n_sentences, found.n_business
from (
    select quarter, {{ unit }}, sum(n_sentences) as n_sentences, max(n_business) as n_business
    from {{ model }}
    group by quarter, {{ unit }}
) as found
left join seconds on found.quarter = seconds.quarter and found.{{ unit }} = seconds.{{ unit }}
where found.n_sentences - coalesce(seconds.n, 0) > found.n_business
{% endtest %}
