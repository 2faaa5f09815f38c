"""Build the documentation site and check it: `python -m docs.generate [--out FOLDER]`; `make docs` does it."""

import argparse
import time
from pathlib import Path

from docs.generate.site_builder import SiteError, build, write_lineage


def main() -> int:
    """Build; return 1 and print what is wrong if the site is not sound."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("build/docs"), help="Folder to build in. It is emptied."
    )
    out = parser.parse_args().out
    began = time.monotonic()
    write_lineage()
    try:
        site = build(out)
    except SiteError as error:
        print(error)
        return 1
    pages = len(list(site.rglob("*.html")))
    print(
        f"{site}: {pages} pages in {time.monotonic() - began:.1f} s. To look: python -m http.server -d {site}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
