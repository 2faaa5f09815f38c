{% test accounts_for_every_sentence(model, sentences, last) %}
-- Returns each step, from 0 to `last`, whose sentences are not those that the step before did not lose; the first
-- step's are the rows of `sentences`.
with steps as (
    select quarter, position, sum(n_sentences) as n_sentences, sum(n_sentences - n_sentences_lost) as n_left
    from {{ model }}
    group by quarter, position
),

expected as (
    select quarter, 0 as position, count(*) as n_sentences from {{ sentences }} group by quarter
    union all
    select quarter, position + 1, n_left from steps where n_left > 0 and position < {{ last }}
)

select
    coalesce(steps.quarter, expected.quarter) as quarter,
    coalesce(steps.position, expected.position) as position,
    steps.n_sentences,
    expected.n_sentences as n_expected
from steps
full join expected on steps.quarter = expected.quarter and steps.position = expected.position
where coalesce(steps.n_sentences, 0) <> coalesce(expected.n_sentences, 0)
{% endtest %}
