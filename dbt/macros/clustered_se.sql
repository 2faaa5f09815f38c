{% macro cluster_sums(n, net) -%}
{#- The sums over clusters (speaker turns, firms) of which a standard error is made; integers, so that they are exact.
    `n`: sentences of a cluster; `net`: its positive less its negative sentences. -#}
cast(sum({{ net }} * {{ net }}) as hugeint) as net_net,
        cast(sum({{ net }} * {{ n }}) as hugeint) as net_n,
        cast(sum({{ n }} * {{ n }}) as hugeint) as n_n
{%- endmacro %}

{% macro clustered_se(n_clusters, n, net) -%}
{#- The standard error of a score of `n` sentences that are alike within `n_clusters` clusters, as the contract of
    sentiment_scores gives it (CR1) and methods/scores.py computes it: the sum over clusters of
    (net - score * n)^2, multiplied out and times n^2. Null for one cluster. The sums are those of `cluster_sums`. -#}
case
        when {{ n_clusters }} > 1
            then
                sqrt(
                    cast(
                        cast({{ n }} as hugeint) * {{ n }} * net_net
                        - 2 * cast({{ n }} as hugeint) * {{ net }} * net_n
                        + cast({{ net }} as hugeint) * {{ net }} * n_n
                        as double
                    ) * {{ n_clusters }} / ({{ n_clusters }} - 1)
                ) / cast(cast({{ n }} as hugeint) * {{ n }} as double)
    end
{%- endmacro %}
