{{ call_panel('pinned') }}
