"""Reports of spend: a summary view, tables, exports, OpenTelemetry attributes."""
