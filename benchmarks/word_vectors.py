"""An embedding model where meaning is not what is measured: word vectors, a hundred times as fast as a transformer."""

from pathlib import Path

from ftm_resources.models.embedder import Embedder


def save(folder: Path) -> None:
    """Save MiniLM's word vectors, averaged over a text, as a model."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    folder.parent.mkdir(parents=True, exist_ok=True)
    bundled = SentenceTransformer(Embedder().source())
    weights = bundled[0].auto_model.embeddings.word_embeddings.weight.detach().numpy()
    words = StaticEmbedding(
        bundled.tokenizer.backend_tokenizer, embedding_weights=weights - weights.mean(axis=0)
    )
    SentenceTransformer(modules=[words]).save(str(folder))
