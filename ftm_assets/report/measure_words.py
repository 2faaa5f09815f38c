"""What the measures of `topic_quality` and models of returns are called, and what each measure means, in a line."""

MEANINGS = {
    ("firm_topics", "n_topics"): ("Topics", "Topics of all firms together", "count"),
    ("firm_topics", "topics_per_firm_median"): (
        "Topics per firm",
        "Median over the firms that have topics",
        "count",
    ),
    ("firm_topics", "outlier_share"): (
        "In no topic",
        "Share of the firms' sentences that are in no topic",
        "share",
    ),
    ("firm_topics", "largest_topic_share_max"): (
        "Largest topic of a firm",
        "Largest share of a firm's sentences that one topic holds",
        "share",
    ),
    ("firm_topics", "dominated_firms"): (
        "Dominated firms",
        "Firms of which one topic holds a large part of what they say",
        "count",
    ),
    ("firm_topics", "procedural_share"): (
        "About the call",
        "Share of the topics that are about the call itself",
        "share",
    ),
    ("firm_topics", "diversity"): (
        "Diversity of topics",
        "Distinct words among the keywords of a firm's topics: 1 if no two topics share one",
        "share",
    ),
    ("firm_topics", "coherence_c_v"): (
        "Coherence of topics, C_V",
        "How often a topic's keywords are said together (Röder et al. 2015)",
        "score",
    ),
    ("firm_topics", "coherence_c_npmi"): (
        "Coherence of topics, NPMI",
        "The same by normalised pointwise mutual information: 0 is chance",
        "score",
    ),
    ("firm_topics", "coherence_left_out"): (
        "Topics without coherence",
        "Fewer than two of their keywords occur in the texts that were read",
        "count",
    ),
    ("firm_topics", "seed_stability"): (
        "Same topics under other seeds",
        "Adjusted Rand index between clusterings of a firm: 0 is chance, 1 identical",
        "score",
    ),
    ("themes", "n_themes"): ("Themes", "Themes across firms", "count"),
    ("themes", "placed_share"): ("In a theme", "Share of the topics that are in a theme", "share"),
    ("themes", "largest_theme_share"): (
        "Largest theme",
        "Its share of the topics that are in a theme",
        "share",
    ),
    ("themes", "diversity"): (
        "Diversity of themes",
        "Distinct words among the keywords of the themes: 1 if no two themes share one",
        "share",
    ),
    ("themes", "stability"): (
        "Same themes without some firms",
        "Mean share of subsamples of firms in which a theme comes again",
        "share",
    ),
    ("themes", "mixed_share"): ("Mixed themes", "Share of the themes that hold together less well", "share"),
    ("themes", "weak_share"): ("Weak themes", "Share of the themes in which no sentence counts", "share"),
    ("themes", "coherence_c_v"): ("Coherence of themes, C_V", "As for topics", "score"),
    ("themes", "coherence_c_npmi"): ("Coherence of themes, NPMI", "As for topics", "score"),
    ("themes", "coherence_left_out"): ("Themes without coherence", "As for topics", "count"),
    ("themes", "recovery_ari"): (
        "Planted themes found, ARI",
        "Adjusted Rand index with the themes planted in the sample",
        "score",
    ),
    ("themes", "recovery_ami"): (
        "Planted themes found, AMI",
        "Adjusted mutual information with the planted themes",
        "score",
    ),
    ("themes", "recovery_homogeneity"): (
        "Planted themes kept apart",
        "1 if each theme holds topics of one planted theme only",
        "score",
    ),
}
"""(level, metric) of `topic_quality` → name, meaning and unit, in the page's order."""

MODEL_WORDS = {
    "market_adjusted": "market-adjusted",
    "market_model": "market model",
    "ff3": "Fama-French three factors",
    "carhart": "Carhart four factors",
}
"""Models of expected returns, as a paper calls them."""
