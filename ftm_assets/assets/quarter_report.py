"""quarter_report: the page of a quarter, one file of HTML to look at and to send, made when its tables are done."""

import time

import dagster as dg

from ftm_assets.methods.wording import size
from ftm_assets.orchestration.code_version import code_version
from ftm_assets.orchestration.execution.ecs import op_tags
from ftm_assets.orchestration.partitions import QUARTERS
from ftm_assets.orchestration.specs import NO_CONFIG, OWNER, page_table
from ftm_assets.report.gathering import gather
from ftm_assets.report.page import render
from ftm_assets.report.reported_state import READ
from ftm_assets.report.stored_page import store, url
from ftm_resources.expected import plainly
from ftm_resources.warehouse import Warehouse

NAME = "quarter_report"


@dg.asset(
    name=NAME,
    deps=list(READ),
    description="The page of a quarter: map of its topics, themes, firms, coverage, quality and what it was made from, "
    "as one file of HTML in the folder reports of the warehouse that needs no network. `ftm report` writes the same "
    "page anywhere, and that of several quarters.",
    group_name="serving",
    owners=[OWNER],
    kinds={"html"},
    code_version=code_version(__name__),
    partitions_def=QUARTERS,
    op_tags=op_tags(NAME),
    config_schema=NO_CONFIG,
)
@plainly
def quarter_report(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """Write the page of the quarter as `connect` shows it."""
    started, quarter = time.perf_counter(), context.partition_key
    report = gather(warehouse, quarter, keeps_landmarks=True)
    page = render(report).encode()
    place = store(warehouse, f"{quarter}.html", page, by=context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(place),
            "page": dg.MetadataValue.url(url(place)),
            "size": size(len(page)),
            "themes": len(report.themes),
            "topics": len(report.points.topic_id),
            "firms": len(report.firms),
            "warnings": page_table(["warning"], ([said] for said in report.warnings)),
            "seconds": time.perf_counter() - started,
        }
    )
