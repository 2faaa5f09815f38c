"""What `firm_topics` and `themes` offer of BERTopic's parameters in their config."""

from __future__ import annotations

from typing import Literal

import dagster as dg
from pydantic import Field

from ftm_assets.methods.topics.published import BertopicParams

_DEFAULT = BertopicParams()

METHOD = "graph, or bertopic: the published method, by its own parameters in `bertopic`; needs ftm[bertopic]"


class BertopicConfig(dg.Config):
    """BERTopic's own parameters, with its own defaults; see `methods.topics.published.BertopicParams`."""

    n_neighbors: int = Field(_DEFAULT.n_neighbors, ge=2, description="UMAP: neighbours of each row")
    n_components: int = Field(_DEFAULT.n_components, ge=2, description="UMAP: dimensions reduced to")
    min_dist: float = Field(_DEFAULT.min_dist, ge=0, description="UMAP: least distance between reduced rows")
    min_cluster_size: int = Field(
        _DEFAULT.min_cluster_size, ge=2, description="HDBSCAN: rows in a topic at least (min_topic_size)"
    )
    min_samples: int | None = Field(
        _DEFAULT.min_samples,
        ge=1,
        description="HDBSCAN: neighbours that make a row dense; default: as min_cluster_size",
    )
    cluster_selection_method: Literal["eom", "leaf"] = Field(
        _DEFAULT.cluster_selection_method,
        description="HDBSCAN: eom, few large topics, or leaf, many small ones",
    )
    nr_topics: int | None = Field(
        _DEFAULT.nr_topics,
        ge=0,
        description="Topics to merge down to, the outliers counted as one; 0: BERTopic's auto; default: as found",
    )
    n_gram_max: int = Field(_DEFAULT.n_gram_max, ge=1, description="Words in a keyword at most")
    stop_words: Literal["none", "english"] = Field(
        _DEFAULT.stop_words, description="english: no stop word is a keyword; none: every word may be"
    )
    min_df: int = Field(_DEFAULT.min_df, ge=1, description="Topics that must use a word")
    bm25_weighting: bool = Field(
        _DEFAULT.bm25_weighting, description="c-TF-IDF with BM25's inverse frequency"
    )
    reduce_frequent_words: bool = Field(
        _DEFAULT.reduce_frequent_words, description="c-TF-IDF with square roots of frequencies"
    )
    representation: Literal["c-tf-idf", "keybert", "mmr", "keybert+mmr"] = Field(
        _DEFAULT.representation,
        description="Keywords as c-TF-IDF ranks them, or ranked again by KeyBERTInspired, "
        "MaximalMarginalRelevance or both",
    )
    mmr_diversity: float = Field(
        _DEFAULT.mmr_diversity, ge=0, le=1, description="MaximalMarginalRelevance: 1 takes the most different"
    )

    def params(self) -> BertopicParams:
        """Return the method's parameters."""
        return BertopicParams(**self.model_dump())
