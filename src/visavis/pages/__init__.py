"""Pictures people look at: contact sheets, reports and charts."""
