"""The bundled sample: generated calls of invented firms, with what was planted in them."""
