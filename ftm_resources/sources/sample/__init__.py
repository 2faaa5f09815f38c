"""The bundled sample: generated calls of fictional firms, with known planted themes."""
