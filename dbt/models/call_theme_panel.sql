{{ call_panel('series') }}
