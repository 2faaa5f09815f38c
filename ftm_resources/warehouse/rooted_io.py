"""File access that never leaves the warehouse's folder.

What belongs here: translating the absolute URIs in Iceberg's metadata. They name the root where a table was made; the
file that is opened has the same name under the root where the warehouse is now. So a moved warehouse can be read, and
a copy never touches its original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyiceberg.io import InputFile, OutputFile
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from ftm_resources.warehouse.location import ROOT, under

if TYPE_CHECKING:
    from pyiceberg.typedef import Properties


class RootedFileIO(PyArrowFileIO):
    """PyArrow's file access, confined to the root in the property ROOT."""

    def new_input(self, location: str) -> PyArrowFile:
        """Return the file to read for a URI in the metadata."""
        return self._file(location)

    def new_output(self, location: str) -> PyArrowFile:
        """Return the file to write for a URI in the metadata."""
        return self._file(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete the file of a URI in the metadata. Raises FileNotFoundError if there is none."""
        uri = location if isinstance(location, str) else location.location
        super().delete(under(self.properties[ROOT], uri))

    def _file(self, location: str) -> PyArrowFile:
        here = under(self.properties[ROOT], location)
        scheme, netloc, path = self.parse_location(here, self.properties)
        # `location` stays as the metadata has it: PyIceberg writes it into manifests.
        return PyArrowFile(location=location, path=path, fs=self.fs_by_scheme(scheme, netloc))

    @staticmethod
    def parse_location(location: str, properties: Properties | None = None) -> tuple[str, str, str]:
        """Return scheme, host and path; a local path may contain `#`, `?` and `%`, which are not escaped."""
        if location.startswith("file://"):
            return "file", "", location.removeprefix("file://")
        found: Any = PyArrowFileIO.parse_location(location, properties or {})
        return (found[0], found[1], found[2])
