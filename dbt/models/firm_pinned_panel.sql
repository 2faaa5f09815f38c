with units as (

    {{ firm_units() }}

),

{{ panel_ctes('pinned', 'firm_id') }}

select
    {{ theme_columns('pinned') }},
    {{ firm_columns() }},
    {{ measures('pinned') }},
    cells.quarter
from {{ joined_cells('pinned', 'firm_id') }}
