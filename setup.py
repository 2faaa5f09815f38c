"""Put the files beside the packages that a user needs too into the wheel; all else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
SHIPPED = Path("ftm_resources") / "_shipped"
"""Where ftm_resources/shipped.py looks for them."""

PATTERNS = ("dbt/*.yml", "dbt/models/**/*", "dbt/macros/**/*", "dbt/tests/**/*", "infra/dagster/local.yaml")


class BuildWithShipped(build_py):
    """setuptools' build of Python packages, and the files of PATTERNS in a folder of a package."""

    def shipped(self) -> dict[str, str]:
        """Return, by its path in the build, the source of each file; none where it is installed to be edited."""
        if self.editable_mode:
            return {}
        found = sorted(p.relative_to(HERE) for pattern in PATTERNS for p in HERE.glob(pattern) if p.is_file())
        return {str(Path(self.build_lib) / SHIPPED / path): str(path) for path in found}

    def run(self) -> None:
        """Build."""
        super().run()
        for target, source in self.shipped().items():
            self.mkpath(str(Path(target).parent))
            self.copy_file(source, target)

    def get_source_files(self) -> list[str]:
        """Return what a source distribution holds."""
        return [*super().get_source_files(), *self.shipped().values()]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return what the build makes."""
        return [*super().get_outputs(include_bytecode), *self.shipped()]


setup(cmdclass={"build_py": BuildWithShipped})
