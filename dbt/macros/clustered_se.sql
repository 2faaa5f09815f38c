{% macro cluster_sums(n, net, suffix='', condition='true') -%}
{#- The sums over clusters (speaker turns, firms) of which a standard error is made; integers, so that they are exact.
    `n`: sentences of a cluster; `net`: its positive less its negative sentences; `condition`: which clusters count. -#}
cast(coalesce(sum({{ net }} * {{ net }}) filter ({{ condition }}), 0) as hugeint) as net_net{{ suffix }},
        cast(coalesce(sum({{ net }} * {{ n }}) filter ({{ condition }}), 0) as hugeint) as net_n{{ suffix }},
        cast(coalesce(sum({{ n }} * {{ n }}) filter ({{ condition }}), 0) as hugeint) as n_n{{ suffix }}
{%- endmacro %}

{% macro clustered_se(n_clusters, n, net, suffix='') -%}
{#- The standard error of a score of `n` sentences that are alike within `n_clusters` clusters, as the contract of
    sentiment_scores gives it (CR1) and methods/scores.py computes it: the sum over clusters of
    (net - score * n)^2, multiplied out and times n^2. Null for one cluster. The sums are those of `cluster_sums`. -#}
case
        when {{ n_clusters }} > 1
            then
                sqrt(
                    cast(
                        cast({{ n }} as hugeint) * {{ n }} * net_net{{ suffix }}
                        - 2 * cast({{ n }} as hugeint) * {{ net }} * net_n{{ suffix }}
                        + cast({{ net }} as hugeint) * {{ net }} * n_n{{ suffix }}
                        as double
                    ) * {{ n_clusters }} / ({{ n_clusters }} - 1)
                ) / cast(cast({{ n }} as hugeint) * {{ n }} as double)
    end
{%- endmacro %}
