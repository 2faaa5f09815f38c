"""What a step takes where nothing was measured: the figures of the documentation, and what is assumed of AWS.

What belongs here: numbers, each with where it is from. `cost_forecast` counts with them.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRMS, SENTENCES = 5_000, 377
"""Firms, and sentences of each, for which `WORK` holds: the generated quarter of docs/benchmarks.md."""

CHUNK_FIRMS = 500
"""As the default of `fan_out.FanOutConfig`."""

BENCHMARKS, MEASURED, TONE, SEARCH, RETURNS = (
    f"docs/{name}.md" for name in ("benchmarks", "measured", "tone", "search", "returns")
)
STEPS = "python -m benchmarks.step_seconds --firms 40"
"""Where figures are from; those of the last were measured on 15,059 sentences, and are scaled to FIRMS here."""


ASSUMED = "assumed, not measured"
"""Where the other figures are from."""


@dataclass(frozen=True)
class Work:
    """What all tasks of a step take together, apart from starting."""

    cpu: float
    """Seconds of one CPU, in proportion to the sentences."""
    threads: int = 1
    """CPUs that a task can use."""
    gpu: float | None = None
    """Seconds of a GPU, for a step that has one on AWS."""
    fixed: float = 0.0
    """Seconds that do not grow."""
    source: str = STEPS

    def seconds(self, cpus: float, scale: float = 1.0) -> float:
        """Return the seconds that tasks with so many CPUs each take together, for `scale` times the sentences."""
        return self.fixed + scale * self.cpu / max(min(self.threads, cpus), 1)


GPU_SENTENCES_PER_SECOND = 2_000
"""Sentences that a GPU embeds or classifies, all-MiniLM-L6-v2 on a T4 or better. Assumed; `python -m benchmarks.gpu`
measures one."""

_ON_GPU = FIRMS * SENTENCES / GPU_SENTENCES_PER_SECOND

WORK: dict[str, Work] = {
    "transcripts": Work(48.5, source=BENCHMARKS),
    "sentences": Work(208, threads=2, source=BENCHMARKS),
    "sentence_embeddings_chunk": Work(4_217, threads=64, gpu=_ON_GPU, source=BENCHMARKS),
    "sentence_sentiment_chunk": Work(4_217, threads=64, gpu=_ON_GPU, source=TONE),  # as fast as embedding
    "firm_topics_chunk": Work(288, threads=8, source=BENCHMARKS),
    "topic_summaries_chunk": Work(1_455, threads=2, source=BENCHMARKS),
    "themes": Work(96.7, source=BENCHMARKS),
    "daily_returns": Work(28, source=MEASURED),
    "abnormal_returns": Work(11, source=MEASURED),
    "controls": Work(11, source=RETURNS),
    "portfolio_sorts": Work(61, source=RETURNS),
    "search_index": Work(22, source=SEARCH),
    "quarter_report": Work(23, source=MEASURED),
    "sentence_embeddings_commit": Work(66),
    "sentence_kinds_chunk": Work(203),
    "sentence_sentiment_commit": Work(25),
    "firm_topics_commit": Work(124),
    "topic_summaries_commit": Work(53),
    "theme_sentences": Work(247),
    "sentiment_scores": Work(116),
    "topic_quality": Work(0, fixed=6),
    "marts": Work(0, fixed=16.4),
    "theme_links": Work(0, fixed=1.3),
}
"""Op → what it takes for FIRMS."""

START_SECONDS = 75
"""From the pull of the image of a task on Fargate to its first line of work. Assumed."""

GPU_START_SECONDS = 240
"""The same on a new host with a GPU, whose image is larger. Assumed."""

MOST_TIMES = 10
"""A quarter is forecast from a smaller one of a tenth of its firms at least."""

HOST_IDLE_SECONDS = 180 + 900
"""Of a host with a GPU: from its launch to the pull of an image, and from its last task until ECS ends it. Assumed."""

LOCAL_START_SECONDS = 2
"""Of a step on one machine. Assumed."""

CORES = 2
"""Of one machine, as in the benchmarks."""

SERVICE_START_SECONDS = 600
"""Until a server of a model answers: host, weights, loading. Assumed, as in docs/aws.md."""

SERVICE_IDLE_SECONDS = 900
"""For which a server is kept that nothing needs: the default of FTM_SERVICE_IDLE_SECONDS."""

REQUESTS_PER_FIRM = 21
"""Names of topics that a firm takes, those of themes included: docs/costs.md."""

REQUESTS_PER_SECOND = {"g4dn.xlarge": 2.0, "g5.xlarge": 5.0, "g6.xlarge": 4.0}
"""Names that Qwen3-8B-AWQ in vLLM gives in a second on a host of this type. Assumed from what such GPUs compute: no
host was measured."""

IMAGES_GB = 20
"""Size of the images in the registry. Assumed."""

WAREHOUSE_GB_PER_FIRM = 2_915 / 1_024 / 5_000
"""Disk of a quarter in the warehouse, without its search index: docs/costs.md."""

FIGURES: dict[str, tuple[object, str]] = {
    "chunk_firms": (CHUNK_FIRMS, "the default of chunk_firms"),
    "start_seconds": (START_SECONDS, ASSUMED),
    "gpu_start_seconds": (GPU_START_SECONDS, ASSUMED),
    "gpu_host_idle_seconds": (HOST_IDLE_SECONDS, ASSUMED),
    "gpu_sentences_per_second": (GPU_SENTENCES_PER_SECOND, ASSUMED),
    "local_start_seconds": (LOCAL_START_SECONDS, ASSUMED),
    "service_start_seconds": (SERVICE_START_SECONDS, ASSUMED),
    "service_idle_seconds": (SERVICE_IDLE_SECONDS, "the default of FTM_SERVICE_IDLE_SECONDS"),
    "names_per_firm": (REQUESTS_PER_FIRM, ASSUMED),
    "names_per_second": (REQUESTS_PER_SECOND, ASSUMED),
    "images_gb": (IMAGES_GB, ASSUMED),
    "warehouse_gb_per_firm": (WAREHOUSE_GB_PER_FIRM, "docs/costs.md"),
}
"""Name → figure and where it is from, as `--json` has them."""
